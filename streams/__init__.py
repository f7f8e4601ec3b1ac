"""Where things lie and how they travel: topics, batches, the learning log, checkpoints, the broker. No learning."""
