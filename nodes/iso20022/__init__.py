"""ISO 20022 messages of invoice financing (tsin.001, tsin.002, tsin.003) to and from a bank's node: see docs/iso20022.md."""
