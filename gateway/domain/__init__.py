"""Our words: what a reminder, a contact, a ruling, a receipt is. No I/O, no clock, no vendor."""
