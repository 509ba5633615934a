"""Tags in files: read, compared with what is there, and written. Pure: no database, no network."""
