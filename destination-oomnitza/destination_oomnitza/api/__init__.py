"""Requests to Oomnitza's REST API; the only package that imports requests."""
