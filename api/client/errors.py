"""What goes wrong between a program and a node: one family, each with a stable `code`.

ClientError              everything that the client raises
├── NodeUnreachable      no answer came, however often it was asked          `node-unreachable`
├── AnswerLate           the node took the request; its answer is not there  `answer-late`
├── UnreadableAnswer     what answered does not speak this interface         `unreadable-answer`
├── BadCredentials       there is nothing to sign in with                    `bad-credentials`
└── Problem              the node said no, as an RFC 9457 problem
    ├── InvalidRequest   400, 404 of the path, 405, 413, 415, 422: correct the request
    ├── SignInFailed     401: the secret, key or token does not hold
    ├── NotPermitted     403: not for this caller
    ├── NotFound         404: no such thing, or none that this caller may know of
    ├── Refused          409: the rules, or something that is going on, say no
    ├── TooMany          429: asked too often, for longer than the client waits
    └── NodeFault        5xx: the node is not able to answer now

`str(error)` is `code: sentence`. Neither holds a secret, nor what was handed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class ClientError(Exception):
    """`code` is for programs, `message` says what happened, `hint` what to do next. `request_id` names the request in the node's log, and
    `record_id` the record that a refusal stands under; both are empty where there is none.
    """

    def __init__(self, code: str, message: str, *, hint: str = "", request_id: str = "", record_id: str = "") -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.hint = code, message, hint
        self.request_id, self.record_id = request_id, record_id


class NodeUnreachable(ClientError):
    """Nothing answered. What was sent with an `idempotency_key` may be sent again with the same one."""


class AnswerLate(ClientError):
    """What was asked for is under way; `location` is the path at which the answer will be."""

    def __init__(self, location: str) -> None:
        super().__init__("answer-late", "the answer is not there yet", hint=f"ask again at {location}")
        self.location = location


class UnreadableAnswer(ClientError):
    """An answer came that is not of this interface: perhaps a proxy's."""


class BadCredentials(ClientError):
    """The credentials cannot be read, or none were given."""


class Problem(ClientError):
    """A problem of the node's. `status` is HTTP's; `errors` name fields that do not fit; `body` is the whole document."""

    kinds: ClassVar[dict[int, type[Problem]]] = {}

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        code = str(body.get("code") or body.get("error") or "http-error")
        message = str(body.get("detail") or body.get("error_description") or f"the node answered with status {status}")
        named = {name: str(body.get(name) or "") for name in ("hint", "request_id", "record_id")}
        super().__init__(code, message, **named)
        self.status, self.body = status, dict(body)
        self.errors: tuple[Mapping[str, str], ...] = tuple(body.get("errors") or ())

    @staticmethod
    def of(status: int, body: Mapping[str, Any]) -> Problem:
        """The member of the family that a status stands for."""
        default = NodeFault if status >= 500 else InvalidRequest
        return Problem.kinds.get(status, default)(status, body)


class InvalidRequest(Problem):
    """The request does not fit."""


class SignInFailed(Problem):
    """Whoever calls has not shown who it is."""


class NotPermitted(Problem):
    """The caller may not do this."""


class NotFound(Problem):
    """There is no such thing for this caller."""


class Refused(Problem):
    """Understood, and not possible. A rule's refusal stands on the ledger under `record_id`."""


class TooMany(Problem):
    """Asked too often."""


class NodeFault(Problem):
    """The node cannot answer now."""


Problem.kinds |= {401: SignInFailed, 403: NotPermitted, 404: NotFound, 409: Refused, 429: TooMany}
