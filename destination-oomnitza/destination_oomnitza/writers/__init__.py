"""Writes batches into Oomnitza, by REST or by connector ingest."""
