"""States of people are listed by when they came."""

from alembic import op

revision = "0002_states"
down_revision = "0001_ledger"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the index of the list."""
    op.create_index("facts_kind", "facts", ["kind", "seq"], unique=False)
