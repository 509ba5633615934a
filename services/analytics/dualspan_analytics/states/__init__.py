"""What machines did: timelines of states, stops and their reasons, losses."""
