"""Control charts and capability of any measured property."""
