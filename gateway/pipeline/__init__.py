"""The line a reminder walks, and what runs it."""
