"""A proxy that opens tunnels to declared hosts only."""
