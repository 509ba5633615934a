"""The gateway as an OPC UA client: asyncua for the protocol, our own limits, publish pump and subscriptions."""
