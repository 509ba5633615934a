"""How samples lie in PostgreSQL: segments made of frames, their columns, and all SQL about them."""
