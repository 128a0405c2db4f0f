"""The screen of the trajectories page."""
