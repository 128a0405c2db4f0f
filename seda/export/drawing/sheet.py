"""What is drawn on one sheet, in px of a page; how dense they become is decided when it is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Sheet:
    """
    Attributes:
        width, height: of the sheet, px of a page: letters have 13 to 20 of them.
        map: name of a map; empty for the first.
        selection: items that are drawn in colour; none for all.
        captions: title, step and legend around the picture.
        panels: still pictures side by side; 0 for one picture that fills the sheet.
        insets: px above and below that the map leaves free.
        filled: share of their room that title and story may take: less than 1 where another font may have to stand in.
        dark: light letters on a dark ground.
    """

    width: float
    height: float
    map: str = ""
    selection: tuple[int, ...] = ()
    captions: bool = True
    panels: int = 0
    insets: tuple[float, float] = (6, 6)
    filled: float = 1.0
    dark: bool = False

    def to_dict(self) -> dict[str, Any]:
        """As paper.js takes it."""
        return {
            "width": self.width, "height": self.height, "map": self.map, "selection": list(self.selection),
            "captions": self.captions, "panels": self.panels, "insets": list(self.insets), "filled": self.filled,
        }  # fmt: skip
