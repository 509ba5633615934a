"""All SQL of the service. Functions take the connection of the transaction that they are part of."""
