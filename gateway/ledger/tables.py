"""The tables: the chain, which is only ever added to, and what is read off it so that it can be searched.

Times are ms since the epoch. `blind` columns are keyed digests: they find a name again and do not tell it. `sealed`
columns open with the person's key, which is kept in the key store and can be destroyed.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
)

_Id = BigInteger().with_variant(Integer, "sqlite")

ledger = MetaData()
keys = MetaData()

entries = Table(
    "entries", ledger,
    Column("seq", _Id, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("job", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("sealed", LargeBinary),
    Column("seal", Text, nullable=False),
    Column("prev", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Index("entries_job", "job", "seq"),
    Index("entries_subject", "subject", "seq"),
    Index("entries_kind", "kind", "seq"),
    Index("entries_at", "at"),
)  # fmt: skip

position = Table(
    "position", ledger,
    Column("prefix", Text, primary_key=True),
    Column("epoch", Text, nullable=False),
    Column("journal", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("shut", Boolean, nullable=False),
)  # fmt: skip
"""How far the journal of the store under a prefix was taken in, of which epoch it is, and whether its gate is shut."""

signed = Table(
    "signed", ledger,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("head", Text, nullable=False),
)  # fmt: skip
"""One row: the end of the chain, signed in the transaction that wrote it, so that nobody else can add to it."""

jobs = Table(
    "jobs", ledger,
    Column("job", Text, primary_key=True),
    Column("prefix", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("name", LargeBinary),
    Column("account", LargeBinary),
    Column("lane", Text, nullable=False),
    Column("accepted", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("due", BigInteger),
    Column("expires", BigInteger, nullable=False),
    Column("ended", Boolean, nullable=False),
    Column("status", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("template", Text, nullable=False),
    Column("jurisdiction", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("policy", Text, nullable=False),
    Column("until", BigInteger),
    Column("sealed", LargeBinary),
    Index("jobs_name", "name"),
    Index("jobs_account", "account"),
    Index("jobs_subject", "subject", "updated"),
    Index("jobs_updated", "updated", "job"),
    Index("jobs_status", "status", "updated", "job"),
    Index("jobs_reason", "reason", "updated", "job"),
    Index("jobs_rule", "rule", "updated", "job"),
    Index("jobs_channel", "channel", "updated", "job"),
    Index("jobs_due", "due"),
)  # fmt: skip
"""A job as it stands. `sealed` holds the store's own record, for the rebuild; `due` when it is looked at again."""

messages = Table(
    "messages", ledger,
    Column("reference", Text, primary_key=True),
    Column("job", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("channel", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("message_id", Text),
    Column("code", Text),
    Column("address", LargeBinary),
    Column("segments", Integer),
    Column("seq", BigInteger, nullable=False),
    Index("messages_job", "job"),
    Index("messages_subject", "subject", "at"),
    Index("messages_message_id", "message_id"),
    Index("messages_address", "address", "at"),
    Index("messages_provider", "provider", "at"),
    Index("messages_state", "state", "provider", "channel", "at", "code", "tenant"),
)  # fmt: skip
"""Every send that was claimed, by its reference; `seq` is the entry that holds its very text."""

facts = Table(
    "facts", ledger,
    Column("subject", Text, primary_key=True),
    Column("name", LargeBinary, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("gone", BigInteger),
    Column("sealer", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Index("facts_at", "subject", "at"),
    Index("facts_kind", "kind", "seq"),
)  # fmt: skip
"""Fields of people's and households' files: contacts and states, also those that were dropped since (`gone`)."""

files = Table(
    "files", ledger,
    Column("subject", Text, primary_key=True),
    Column("expires", BigInteger),
)  # fmt: skip
"""Until when the store keeps a file, null for ever."""

kept = Table(
    "kept", ledger,
    Column("place", Text, primary_key=True),
    Column("name", LargeBinary, primary_key=True),
    Column("expires", BigInteger),
    Column("sealed", LargeBinary, nullable=False),
)  # fmt: skip
"""What else the store must have again after a loss: pauses, cancels, stopped addresses, commands carried out."""

versions = Table(
    "versions", ledger,
    Column("kind", Text, primary_key=True),
    Column("label", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("text", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
)  # fmt: skip
"""Every text that judged or was sent from: packs, publications of packs, templates."""

tallies = Table(
    "tallies", ledger,
    Column("tenant", Text, primary_key=True),
    Column("day", BigInteger, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("status", Text, primary_key=True),
    Column("reason", Text, primary_key=True),
    Column("n", BigInteger, nullable=False),
)  # fmt: skip
"""How many jobs stand where, by the day (of UTC) on which they were accepted: the books, without counting them anew."""

acts = Table(
    "acts", ledger,
    Column("id", _Id, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("job", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("seq", BigInteger),
    Index("acts_seq", "seq"),
)  # fmt: skip
"""What people did; `seq` is null until the one writer has taken it into the chain."""

people = Table(
    "people", ledger,
    Column("name", Text, primary_key=True),
    Column("password", Text, nullable=False),
    Column("roles", Text, nullable=False),
    Column("tenants", Text, nullable=False),
    Column("made", BigInteger, nullable=False),
    Column("disabled", BigInteger),
    Column("failures", Integer, nullable=False),
    Column("locked", BigInteger, nullable=False),
)  # fmt: skip
"""Accounts of small houses: an argon2 hash, JSON lists of roles and tenants, and what was tried in vain."""

passes = Table(
    "passes", ledger,
    Column("id", Text, primary_key=True),
    Column("sha256", Text, nullable=False),
    Column("person", Text),
    Column("roles", Text, nullable=False),
    Column("tenants", Text, nullable=False),
    Column("made", BigInteger, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("expires", BigInteger),
    Column("used", BigInteger),
    Column("revoked", BigInteger),
    Index("passes_person", "person"),
)  # fmt: skip
"""Keys of systems, and (`person`) sessions of people: only the digest of a secret drawn by lot."""

proposals = Table(
    "proposals", ledger,
    Column("id", Text, primary_key=True),
    Column("code", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("base", Text, nullable=False),
    Column("looser", Boolean, nullable=False),
    Column("changes", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("proposed", BigInteger, nullable=False),
    Column("proposer", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("effective", BigInteger, nullable=False),
    Column("decided", BigInteger),
    Column("decider", Text),
    Column("comment", Text),
    Index("proposals_state", "state", "proposed"),
)  # fmt: skip
"""Changes of packs that somebody wants: bound to their text by its digest, and to what was in force by `base`."""

subjects = Table(
    "subjects", keys,
    Column("uid", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("blind", LargeBinary, unique=True),
    Column("version", Integer),
    Column("wrapped", LargeBinary),
    Column("made", BigInteger, nullable=False),
    Column("destroyed", BigInteger),
    Column("held", Text),
)  # fmt: skip
"""People and households: their pseudonym, their key under the house's, and since when there is none any more.
`held` is the reason of a legal hold."""
