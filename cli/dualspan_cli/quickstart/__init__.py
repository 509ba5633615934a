"""From the address of an OPC UA server to proven data, one question at a time."""
