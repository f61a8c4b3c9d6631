"""The authority's supervision of the network: figures, alerts, and the reconciliation of money with shares, all from its own node."""
