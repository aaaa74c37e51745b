"""Shipments of the harbour: where each container is, where it goes next and where it has been."""

__version__ = "1.0.0"
