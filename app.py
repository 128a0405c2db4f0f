"""SeDA Explorer. Nothing is computed here."""

from seda.ui.frame import show_frame

show_frame()
