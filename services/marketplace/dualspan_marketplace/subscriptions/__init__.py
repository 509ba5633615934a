"""Lives of subscriptions. Pure."""
