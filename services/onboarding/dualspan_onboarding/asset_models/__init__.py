"""Asset models as data: documents in YAML, their schema, the library that comes with the platform, units."""
