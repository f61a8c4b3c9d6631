"""Checks proof files offline. This package stands alone: it imports the standard library and `cryptography`, and nothing of the ledger,
so that a mistake of the writer is not believed by the verifier, and the package can be read, audited and copied by itself.
"""

from ledger.verify.blocks import Verdict
from ledger.verify.proof_file import verify

__all__ = ["Verdict", "verify"]
