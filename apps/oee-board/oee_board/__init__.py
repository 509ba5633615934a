"""Where the time of each machine went: availability, effectiveness, quality."""
