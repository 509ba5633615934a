"""When a plant is to run: shifts, planned stops and holidays in a site's own time."""
