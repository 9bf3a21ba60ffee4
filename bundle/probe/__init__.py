"""Asks a user's own Slack and Oomnitza what their documentation leaves open.

It is read-only.
"""
