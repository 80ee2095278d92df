"""Keeps the books: takes the journal of the store into the ledger, and brings a store that was lost back from it."""
