"""What runs of a subscription: desired, observed, and the one step between them."""
