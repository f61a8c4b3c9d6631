"""A replicated log of signed records over a provable key-value state. Knows nothing of trade finance."""
