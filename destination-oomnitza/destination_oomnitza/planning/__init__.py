"""Decides what to do with a stream, before its first record."""
