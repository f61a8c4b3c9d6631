"""Enquiries: a bank asks, the authority's workers answer exactly once, and the bank keeps the grants it was given."""
