"""Key performance indicators by ISO 22400-2: sums of time elements and quantities first, ratios of the sums last."""
