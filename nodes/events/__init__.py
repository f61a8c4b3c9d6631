"""Events: what concerns a node's owner, in an order that never changes."""
