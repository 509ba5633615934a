"""Like machines compared: ranks, quartiles, and where the others lose what the best does not. Pure."""
