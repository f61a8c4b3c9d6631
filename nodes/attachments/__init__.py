"""Attachments: documents in a node's private store, named by their digests, which alone are sealed on the ledger."""
