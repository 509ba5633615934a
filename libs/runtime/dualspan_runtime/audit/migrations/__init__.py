"""The table of audit events on their way, in the schema of each service that has some."""
