"""Alembic's migrations of the two databases: `ledger` and `keys`, each with a table of versions of its own."""
