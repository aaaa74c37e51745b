"""Notices of the harbour: takes the movements of shipments from a queue and writes one line about each."""

__version__ = "1.0.0"
