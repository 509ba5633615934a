"""What publishers do on their own machine, without a platform."""
