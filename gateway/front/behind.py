"""What stands behind the API's door, and the one word for all that can be wrong with it."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from gateway.bookkeeping.keeper import Books
from gateway.ledger.anchors import Anchors
from gateway.ledger.keyring import KeyringError
from gateway.store.redis import Store, StoreError


class Behind:
    """What stands behind the door, once it is there: the port is opened first, so that whoever asks is answered."""

    def __init__(self) -> None:
        self._store: Store | None = None
        self.books: Books | None = None
        self._anchors: Anchors | None = None

    def open(self, store: Store, books: Books | None, anchors: Anchors | None) -> None:
        """From here on the API writes and reads."""
        self._store, self.books, self._anchors = store, books, anchors

    @property
    def store(self) -> Store:
        """Raises ConnectionError until it is there."""
        if self._store is None:
            raise ConnectionError("the gateway is starting")
        return self._store

    @property
    def ledger(self) -> Books:
        """Raises ConnectionError where there is none, or none yet."""
        if self.books is None:
            raise ConnectionError("no ledger is kept")
        return self.books

    @property
    def anchors(self) -> Anchors:
        """Raises ConnectionError as `ledger` does."""
        if self._anchors is None:
            raise ConnectionError("no ledger is kept")
        return self._anchors


@contextmanager
def outage() -> Iterator[None]:
    """Turns every failure of store and ledger into the one word that the API knows for it."""
    try:
        yield
    except (StoreError, SQLAlchemyError, KeyringError, OSError) as error:
        raise ConnectionError from error
