"""Writing to machines: guards, commands that pass them, and what came of these. Pure: no database, no network."""
