"""The pages of the app: the one list that navigation and server read."""

from __future__ import annotations

from dataclasses import dataclass

from seda.ui.serving.rules import MAY_TRAIN


@dataclass(frozen=True)
class PageForm:
    """A page.

    Attributes:
        name: of its file in pages/; its address too, but of the first, which has none.
        title: in the navigation.
        icon: Material's name of it.
        right: what has to be open to a visitor for it to be there; "" where it is there for everybody.
    """

    name: str
    title: str
    icon: str
    right: str = ""


PAGES = (
    PageForm("trajectories", "Trajectories", "moving"),
    PageForm("lesson", "Lesson", "school"),
    PageForm("diagnose", "Diagnose", "troubleshoot"),
    PageForm("search", "Search", "image_search"),
    PageForm("consistency", "Consistency", "hub"),
    PageForm("train", "Train", "fitness_center", MAY_TRAIN),
    PageForm("aligner", "Aligner", "model_training"),
    PageForm("method", "Method", "menu_book"),
)
