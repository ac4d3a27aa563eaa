"""What a training step, a run and the whole study cost: in time, and in memory."""
