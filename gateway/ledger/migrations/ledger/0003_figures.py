"""The figures of providers are counted in an index. It replaces one that moved with the same writes."""

from alembic import op

revision = "0003_figures"
down_revision = "0002_states"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Widens the index of states."""
    op.drop_index("messages_state", "messages")
    columns = ["state", "provider", "channel", "at", "code", "tenant"]
    op.create_index("messages_state", "messages", columns, unique=False)
