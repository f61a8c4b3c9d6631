"""Financings: what a bank's people and programs do with them, in one place.

    outcome = financings.apply(maker, [ApplicationLine(declaration, amount)], product=..., reference=...)
    financings.intake(maker, outcome.id)
    task = financings.approve(maker, outcome.id, Pledge(...))
    financings.tasks.sign(task.id, checker)

Reading is `get` and `page`; money stands beside every share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nodes.financings.adjustments import Adjustments
from nodes.financings.apply import Applications
from nodes.financings.collections import Collections
from nodes.financings.load_files import LoadFiles
from nodes.financings.loads import Loads
from nodes.financings.maturity import Maturities
from nodes.financings.stale import Stale
from nodes.financings.steps import FinancingSteps
from nodes.financings.transfers import Transfers
from nodes.financings.views import FinancingReader
from nodes.tasks import Tasks

if TYPE_CHECKING:
    from nodes.node import Node


class Financings:
    """The services about financings of one bank's node. Safe to share between threads."""

    def __init__(self, node: Node) -> None:
        self.tasks = Tasks(node)
        self.collections = Collections(node, self.tasks)
        views = FinancingReader(node)
        steps = FinancingSteps(node, views, self.tasks, self.collections)
        self.get, self.page = views.get, views.page
        self.apply = Applications(node).apply
        self.intake, self.approve, self.cancel = steps.intake, steps.approve, steps.cancel
        self.disburse, self.repay = steps.disburse, steps.repay
        adjustments = Adjustments(node, views, self.tasks)
        self.write_off, self.correct = adjustments.write_off, adjustments.correct
        self.transfers = Transfers(node, views, self.tasks)
        self.loads = Loads(node, self.tasks)
        self.load_files = LoadFiles(node, self.loads)
        self.stale = Stale(node, views)
        self.maturities = Maturities(node, views)
