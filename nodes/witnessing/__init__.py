"""Witnessing: this node's cosignatures under the operator's checkpoints, those of others, and what nodes tell each other of them."""
