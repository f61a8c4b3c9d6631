"""The one error tree. Every error has a stable code; the same code reaches the log, HTTP and the command line.

TallystickError
├── InputError          what was handed in cannot be used as it is   (exit 2, HTTP 422)
├── Refused             understood, and not allowed or not possible  (exit 1, HTTP 409)
│   ├── NotPermitted    this caller may not do this                  (exit 1, HTTP 403)
│   └── NotFound        there is no such thing for this caller       (exit 1, HTTP 404)
├── VerificationFailed  a proof, replay or stored byte is not right  (exit 1, HTTP 500)
└── Unreachable         the node, engine or database is not there    (exit 3, HTTP 503)
"""

from __future__ import annotations

from typing import ClassVar


class TallystickError(Exception):
    """`code` is stable and for programs; `message` says what happened; `hint` says what to do next."""

    exit_status: ClassVar[int] = 1
    http_status: ClassVar[int] = 500

    def __init__(self, code: str, message: str, *, hint: str = "") -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.hint = hint


class InputError(TallystickError):
    """What was handed in cannot be used as it is."""

    exit_status = 2
    http_status = 422


class Refused(TallystickError):
    """The request was understood and is not allowed or not possible now."""

    exit_status = 1
    http_status = 409


class NotPermitted(Refused):
    """This caller may not do this."""

    http_status = 403


class NotFound(Refused):
    """There is no such thing, or none that this caller may know of."""

    http_status = 404


class VerificationFailed(TallystickError):
    """A proof, a replay or a stored byte does not hold."""

    exit_status = 1
    http_status = 500


class Unreachable(TallystickError):
    """The node, its engine or its database cannot be reached."""

    exit_status = 3
    http_status = 503
