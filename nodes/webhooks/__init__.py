"""Webhooks: events handed to the owner's own programs, signed, in order and again until they are taken."""
