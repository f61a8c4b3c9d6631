"""What Alembic runs to reach the database, for every schema of the project; `ledger.migrating` says which, and on which connection."""

from __future__ import annotations

from alembic import context

connection = context.config.attributes.get("connection")
if connection is None:
    context.configure(dialect_name=context.config.attributes["dialect"], literal_binds=True)
else:
    context.configure(connection=connection)
with context.begin_transaction():
    context.run_migrations()
