"""OPC UA servers that behave like plants, deterministic to the last sample."""
