"""Backups of a home, what is put back from them, and what is rebuilt from the ledger where there is none."""
