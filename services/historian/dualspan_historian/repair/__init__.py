"""Gaps that a server's own history fills: which are left, and what came of them."""
