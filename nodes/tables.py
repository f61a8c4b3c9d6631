"""Every module that defines tables of the private database: a database is made, migrated and backed up with all of them, whatever the
program at hand uses. By name, because they all import `nodes.private`, which needs this list. A test finds the one that is missing.
"""

from __future__ import annotations

from typing import Final

MODULES: Final = (
    "nodes.accesses",
    "nodes.attachments.store",
    "nodes.awaiting",
    "nodes.consents.book",
    "nodes.consents.introductions",
    "nodes.consents.paper",
    "nodes.countersigning",
    "nodes.credit.assessments",
    "nodes.credit.parameters",
    "nodes.credit.profiles",
    "nodes.declarations.book",
    "nodes.declarations.imports",
    "nodes.dispute_book",
    "nodes.enquiries.book",
    "nodes.enquiries.grants",
    "nodes.enterprises",
    "nodes.events.tables",
    "nodes.financings.book",
    "nodes.financings.collection_book",
    "nodes.financings.maturity_book",
    "nodes.financings.conflict_reports",
    "nodes.financings.movement_book",
    "nodes.financings.offer_book",
    "nodes.financings.particulars",
    "nodes.keys.tables",
    "nodes.look_ups",
    "nodes.monitoring.alerts",
    "nodes.monitoring.rates",
    "nodes.monitoring.settings",
    "nodes.monitoring.tables",
    "nodes.notice_book",
    "nodes.private_tasks",
    "nodes.reader",
    "nodes.requests.book",
    "nodes.requests.mailbox",
    "nodes.requests.post",
    "nodes.task_book",
    "nodes.webhooks.tables",
    "nodes.witnessing.tables",
)
