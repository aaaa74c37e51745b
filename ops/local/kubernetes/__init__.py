"""The Kubernetes half of the local commands: applies the objects of the templates to a cluster, or else validates them."""
