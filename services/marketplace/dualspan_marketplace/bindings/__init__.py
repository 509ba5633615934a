"""What an app needs of a plant, and what of a plant it may see. Pure."""
