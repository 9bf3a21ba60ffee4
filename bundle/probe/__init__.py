"""`python -m bundle probe`: asks your own Slack and Oomnitza what their documentation leaves open. Read-only."""
