"""Apps as Helm releases on Kubernetes, each tenant's in a namespace of its own."""
