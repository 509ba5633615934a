"""Energy, its cost and its carbon. No I/O."""
