"""The screen of the search page."""
