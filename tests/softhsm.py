"""A hardware module for tests: Debian's SoftHSM, with tokens of its own for each process, and keys that were made in the first."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from nodes.home_config import Pkcs11Section

MISSING: Final = "SoftHSM is not installed (Debian's package softhsm2)"
TOKEN, PIN = "tallystick", "a PIN of the token's"
# A token without keys, and one that another PIN opens.
EMPTY, SHUT = "empty", "shut"
KEYS: Final = ("one", "two", "three", "twice", "twice")
_MODULES: Final = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so")

# In a process of its own, so that the tests log in themselves.
_MAKE: Final = """
import os, sys, pkcs11
from pkcs11 import Attribute, KeyType, Mechanism
from pkcs11.util.ec import encode_named_curve_parameters
module, token, pin, *labels = sys.argv[1:]
with pkcs11.lib(module).get_token(token_label=token).open(rw=True, user_pin=pin) as session:
    def make(curve, label, key_id):
        parameters = {Attribute.EC_PARAMS: encode_named_curve_parameters(curve)}
        domain = session.create_domain_parameters(KeyType.EC, parameters, local=True)
        domain.generate_keypair(mechanism=Mechanism.EC_KEY_PAIR_GEN, store=True, label=label, id=key_id)
    for label in labels:
        make("secp256r1", label, os.urandom(8))
    make("secp384r1", "other-curve", os.urandom(8))
    make("secp256r1", "no-id", b"")
"""


@cache
def section() -> Pkcs11Section:
    """The module and its token. Skips where there is none; `CI=true` takes no excuse."""
    module = next((each for each in _MODULES if Path(each).exists()), None)
    program = shutil.which("softhsm2-util")
    if module is None or program is None:
        assert os.environ.get("CI") != "true", MISSING
        pytest.skip(MISSING)
    directory = Path(tempfile.mkdtemp(prefix="softhsm-"))
    tokens, settings = directory / "tokens", directory / "softhsm2.conf"
    tokens.mkdir(mode=0o700)
    settings.write_text(f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n", encoding="utf-8")
    # The module reads this when it is loaded, which happens once in a process.
    os.environ["SOFTHSM2_CONF"] = str(settings)
    for label, pin in ((TOKEN, PIN), (EMPTY, PIN), (SHUT, PIN[::-1])):
        new = ["--init-token", "--free", "--label", label, "--so-pin", "of the officer's", "--pin", pin]
        subprocess.run([program, *new], check=True, capture_output=True)
    subprocess.run([sys.executable, "-c", _MAKE, module, TOKEN, PIN, *KEYS], check=True, capture_output=True)
    return Pkcs11Section(module=module, token=TOKEN)
