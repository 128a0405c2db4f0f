"""The screen of the aligner page."""
