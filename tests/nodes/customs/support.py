"""What several of these tests need."""

from __future__ import annotations

from datetime import date

LAST_EXPORT = date(2026, 10, 31)
