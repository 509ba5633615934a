"""Apps: their catalogue, subscriptions to them and what they may read."""
