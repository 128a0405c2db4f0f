"""Data sets and their features on disk."""
