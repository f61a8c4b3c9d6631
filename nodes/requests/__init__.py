"""Financing requests of exporters to banks, and the sealed letters that carry them past a relay that cannot read them."""
