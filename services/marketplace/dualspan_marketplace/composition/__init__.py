"""What each concern is constructed of: one module, one function from the shared parts to what the server offers."""
