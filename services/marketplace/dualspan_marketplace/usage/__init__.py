"""What subscriptions use, and what that comes to. Pure."""
