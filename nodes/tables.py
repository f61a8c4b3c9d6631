"""Every module that defines tables of the private database: a database is made, migrated and backed up with all of them, whatever the
program at hand uses. A test finds the module that is missing here.
"""

from __future__ import annotations

from typing import Final

from nodes import accesses, enterprises, private, reader, tasks
from nodes.consents import book as consents
from nodes.consents import introductions
from nodes.declarations import book as declarations
from nodes.declarations import imports
from nodes.enquiries import book as enquiries
from nodes.enquiries import grants
from nodes.financings import book as financings
from nodes.financings import collection_book

MODULES: Final = (
    accesses,
    collection_book,
    consents,
    declarations,
    enquiries,
    enterprises,
    financings,
    grants,
    imports,
    introductions,
    private,
    reader,
    tasks,
)
