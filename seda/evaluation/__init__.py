"""Metrics as functions on arrays; no model, no torch."""
