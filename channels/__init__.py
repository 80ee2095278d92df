"""The channels: how a message leaves the house. Knows nothing of the gateway; `contract` is its front door."""
