"""What people take away, and for how long they can bring it back. Rules, no I/O."""

KEPT_DAYS = 30
"""How long what was taken away can be brought back."""
