"""OPC UA clients, each a process of its own that counts what it gets and the CPU time that it took."""
