"""Energy by machine and hour, what it cost, and its carbon."""
