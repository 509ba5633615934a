"""Reports: what they say, in which words, and how they look."""
