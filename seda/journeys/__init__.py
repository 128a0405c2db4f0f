"""Journeys: what an aligner computed for a few items, step by step, with all that can be drawn of it."""
