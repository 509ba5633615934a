"""Apps as containers of a Docker Engine."""
