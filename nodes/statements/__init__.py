"""Statements over a period: of a bank's own financings, and of one declaration for its exporter."""
