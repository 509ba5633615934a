"""Past one machine: what a platform of a size needs, and how its tables are spread over machines."""
