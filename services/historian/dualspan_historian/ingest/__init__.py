"""From a gateway's stream to the disk: verify, group, commit, tell."""
