"""The mapping assistant: from names, units, types and structure to machines and their properties. No I/O."""
