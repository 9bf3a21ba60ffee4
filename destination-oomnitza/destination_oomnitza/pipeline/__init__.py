"""Pipeline: processes messages in order, in batches, and acknowledges states."""
