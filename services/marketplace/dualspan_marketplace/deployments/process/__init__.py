"""Apps as local processes: for the embedded platform, and for apps of those who run it only."""
