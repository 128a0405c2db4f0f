"""The screen of the page Consistency."""
