"""The table of operations, in the schema of each service that has some."""
