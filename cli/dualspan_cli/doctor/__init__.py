"""`dualspan doctor`: what is wrong with a platform, and what to do about it."""
