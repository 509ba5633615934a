"""New versions in place of old ones: tried beside them, compared by what both write, switched or rolled back. Pure."""
