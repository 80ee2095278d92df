"""What happened, kept and proven: an append-only chain in SQL, people's words under keys that can be destroyed."""
