"""Providers of text messages, one file each."""
