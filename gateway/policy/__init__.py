"""The rules: every rule of every pack is a pure function over a person's facts. Knows no Redis, no HTTP, no clock."""
