"""A coordinator's or worker's own objects in Kubernetes."""
