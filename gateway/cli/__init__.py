"""The commands: one file each, registered by one line in `main`."""
