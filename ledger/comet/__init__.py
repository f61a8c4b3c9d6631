"""The `comet` engine: CometBFT orders, this package is its application. `application` answers what the engine asks, `server` speaks to it
over a socket, `process` runs it, `engine` puts them together as one of the ledger's engines.
"""
