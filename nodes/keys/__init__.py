"""The keys of a home and who may open them: key store, staff and client accounts, passwords, the registry key."""
