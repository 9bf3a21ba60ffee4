"""Planning: decides how to write a stream, before its first record."""
