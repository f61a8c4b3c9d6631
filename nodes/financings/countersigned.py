"""Records about financings that may need the authority's signature beside those of two people of the lender."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from nodes.author import Part
from nodes.caller import Caller
from nodes.financings.preparing import require_foreseen
from nodes.financings.views import Financing
from nodes.rehearsal import TWO_PEOPLE, rehearse
from nodes.tasks import Task, Tasks

if TYPE_CHECKING:
    from nodes.node import Node


_MISSING: Final = "second-signature-missing"


class Countersigned:
    """Opens tasks."""

    def __init__(self, node: Node, tasks: Tasks) -> None:
        self._node, self._tasks = node, tasks

    def open(
        self,
        caller: Caller,
        record_type: str,
        body: Mapping[str, Any],
        parts: Mapping[str, Part],
        financing: Financing | None,
        cause: str | None,
    ) -> Task:
        """A task for the second person, and, where the rules ask for it, then for the authority. Raises `Refused` with the rules' code,
        and as `Tasks.open`.
        """
        node = self._node
        seen, beside = rehearse(node, record_type, body, TWO_PEOPLE), None
        if seen.code == _MISSING:
            authority = node.directory.authority()
            seen = rehearse(node, record_type, body, TWO_PEOPLE, authority)
            beside = node.directory.keys(authority, "service")[0].id
        if financing is None:
            seen.require_ok()
        else:
            require_foreseen(seen, financing)
        return self._tasks.open(caller, record_type, body, parts, cause, beside)
