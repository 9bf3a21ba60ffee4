"""Mapping: turns one record into the fields of one person. Pure functions."""
