"""All SQL of identity. Functions take a connection in a transaction and return dataclasses."""
