"""The tables of signing in, beside those of the accounts: from where, how it ended, and who is known by something else than a secret."""

from __future__ import annotations

import sqlalchemy as sa

from nodes.private import metadata

sign_ins = sa.Table(
    "sign_ins",
    metadata,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("time_ms", sa.BigInteger, nullable=False),
    sa.Column("account", sa.Text),
    sa.Column("way", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Index("ix_sign_ins_outcome", "outcome", "number"),
    comment="every attempt to sign in; `account` is null where there is none of the name that was given, which may be a secret",
)

sign_in_sources = sa.Table(
    "sign_in_sources",
    metadata,
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("last_ms", sa.BigInteger, nullable=False),
    sa.Column("failures", sa.BigInteger, nullable=False),
    sa.Column("locked_until_ms", sa.BigInteger, nullable=False),
    comment="where a user has signed in from: failures from there are counted apart from those of strangers",
)

subjects = sa.Table(
    "subjects",
    metadata,
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("account", sa.Text, nullable=False, unique=True),
    comment="the users whom an OpenID provider signs in: the value of the configured claim",
)

client_certificates = sa.Table(
    "client_certificates",
    metadata,
    sa.Column("client", sa.Text, primary_key=True),
    sa.Column("thumbprint", sa.Text, nullable=False),
    comment="the SHA-256 of the certificate that a client authenticates with instead of a secret (RFC 8705), 64 hex digits",
)
