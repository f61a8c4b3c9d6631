"""E-mail to the owner's people: that something waits, never what."""
