"""The product beside its peers: the same data, the same machine, one run."""
