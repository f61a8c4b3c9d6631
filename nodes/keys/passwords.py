"""What a person's secret must be. It opens that person's key, so it is also what protects the key's file from guessing.

Length counts, composition does not (NIST SP 800-63B): at least 12 characters, not the user's name, not a usual choice.
"""

from __future__ import annotations

import unicodedata
from typing import Final

from ledger.errors import InputError
from ledger.limits import PASSWORD_CHARS_MAX, SECRET_BYTES_MAX

PASSWORD_CHARS_MIN: Final = 12
_DISTINCT_CHARS_MIN: Final = 5

# Usual choices of twelve characters and more, folded as `_folded` does: runs of keys, a common word with a number, a word twice.
_COMMON: Final = """
    123456789012 1234567890123 12345678901234 123456789abc 123456789qwe 1234567890qwerty 1q2w3e4r5t6y 1q2w3e4r5t6y7u 1qaz2wsx3edc
    1qaz2wsx3edc4rfv qwertyuiop12 qwertyuiop123 qwertyuiop[] qwertyuiopasdfgh qwerty123456 qwerty1234567 qwertyuiopasdfghjkl
    asdfghjkl123 asdfghjkl1234 zxcvbnm12345 zxcvbnm123456 password1234 password12345 password123456 passwordpassword password2024!
    password2025! password2026! passw0rd1234 p@ssw0rd1234 p@ssword1234 adminadminadmin administrator administrator1 admin1234567
    changemechangeme changeme1234 changeme12345 letmeinletmein letmein12345 welcome12345 welcome123456 iloveyou1234
    iloveyouiloveyou iloveyou12345 abcdefghijkl abcdefghijklm abcdefghijklmn abc123456789 abcd12345678 a123456789012 woaini1314520
    woaini520520 woaini123456 5201314520131 5201314woaini qq123456789012 correcthorsebatterystaple tallysticktallystick tallystick123
    monkey123456 dragon123456 football1234 princess1234 sunshine1234 superman1234 baseball1234 trustno1trustno1 secretsecret secret123456
"""


def check_password(password: str, *names: str) -> None:
    """Raises `InputError` (`weak-secret`) where the password breaks the rules. `names` are what the user is called."""
    folded = _folded(password)
    if not PASSWORD_CHARS_MIN <= len(password) <= PASSWORD_CHARS_MAX or len(password_bytes(password)) > SECRET_BYTES_MAX:
        raise _weak(f"it has {PASSWORD_CHARS_MIN} to {PASSWORD_CHARS_MAX} characters")
    if any(folded == _folded(name) for name in names):
        raise _weak("it is not the user's name")
    if len(set(folded)) < _DISTINCT_CHARS_MIN or folded in _COMMON.split():
        raise _weak("it is none of the usual ones, which are guessed first")


def password_bytes(password: str) -> bytes:
    """The bytes that open a key: NFC, so that the same password typed on another keyboard is the same (RFC 8265).

    Raises `InputError` (`bad-secret`) for what is not Unicode text.
    """
    try:
        return unicodedata.normalize("NFC", password).encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError("bad-secret", "a secret is Unicode text") from error


def _folded(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def _weak(rule: str) -> InputError:
    return InputError("weak-secret", f"this secret is too weak: {rule}", hint="take several words that belong together for nobody else")
