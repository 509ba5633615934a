"""Pages of panels that people put together."""
