"""The screen of the page Diagnose."""
