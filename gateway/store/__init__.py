"""The store: what must be fast and atomic. Redis behind one door; every script says what it promises."""
