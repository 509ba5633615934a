"""The OPC UA side: subscriptions, history and security around signals that are functions of time."""
