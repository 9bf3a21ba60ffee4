"""Messages in order: batches, workers, and when a state may leave."""
