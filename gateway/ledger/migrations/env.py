"""Runs the migrations on the connection that `gateway.ledger.database` hands over; there is no other way in."""

from alembic import context

config = context.config
context.configure(
    connection=config.attributes["connection"],
    target_metadata=config.attributes["metadata"],
    version_table=config.attributes["version_table"],
    transactional_ddl=False,  # the caller's transaction holds all of it
)
context.run_migrations()
