"""The screen of the train page."""
