"""Providers of push messages to apps, one file each."""
