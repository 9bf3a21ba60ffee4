"""Oomnitza over HTTP: the only room that imports requests."""
