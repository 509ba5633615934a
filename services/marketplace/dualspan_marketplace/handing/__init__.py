"""What is handed back of a subscription that ends. Pure."""
