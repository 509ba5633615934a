"""What a payment side asks of subscriptions, and how it is known. Pure."""
