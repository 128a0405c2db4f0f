"""The screen of the lesson."""
