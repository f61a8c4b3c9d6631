"""Enterprises' credit: the facts that the authority keeps and answers with under consent, and a bank's limits computed from them."""
