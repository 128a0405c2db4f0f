"""The player as a widget of a notebook: JupyterLab, Notebook 7, VS Code, Colab, by anywidget, which is optional.

The browser's part is the player's own modules, joined with `web/widget.js`; what goes to and fro are three traits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seda.errors import ConfigError
from seda.journeys.journey import Journey
from seda.player.files import FOLDER, WIDGET, player_script, player_style
from seda.player.framed import HTML, framed_page, is_watched
from seda.player.payload import encoded_payload

try:
    import anywidget
    import traitlets
except ImportError as error:
    raise ConfigError(
        "The widget needs anywidget, which is not installed.",
        remedy="Run: pip install anywidget; then start the kernel again and load the notebook's page anew.",
    ) from error

HEIGHT = 600  # px


class PlayerWidget(anywidget.AnyWidget):
    """A journey that plays in a notebook; what is looked at comes back, and can be set.

    Attributes:
        step: where it stands, 0 to the journey's last; while it plays, the step that it will rest at.
        selection: indices of the selected items, sorted; empty for none.
        map: name of the map that is shown.
        height: of the part that is looked at together, px; read when it is drawn.
        journey: what it plays.

    `widget.observe(listener, "selection")` calls a function when one of them has changed, as with every widget.
    """

    _esm = player_script(WIDGET)
    _css = (FOLDER / "widget.css").read_text(encoding="utf-8")
    _sheet = traitlets.Unicode(player_style()).tag(sync=True)
    _payload = traitlets.Unicode().tag(sync=True)
    step = traitlets.Int(0).tag(sync=True)
    selection = traitlets.List(traitlets.Int()).tag(sync=True)
    map = traitlets.Unicode().tag(sync=True)
    height = traitlets.Int(HEIGHT, min=320, max=4000).tag(sync=True)

    def __init__(
        self, journey: Journey, *, step: int = 0, selection: Sequence[int] = (), map: str = "", height: int = HEIGHT
    ) -> None:
        """
        Args:
            journey: what it plays.
            step: to begin with, at rest; with 0 and nothing else it plays from the beginning.
            selection: items that are selected.
            map: that is shown; "" for the journey's first.
            height: px.
        Raises:
            ConfigError: there is no such step, item or map; or more items or states than the player can animate.
            ProjectionError: a position on a map is not finite.
        """
        self.journey = journey
        payload = encoded_payload(journey).decode()
        super().__init__(
            _payload=payload, step=step, selection=list(selection), map=map or next(iter(journey.maps)), height=height
        )

    @traitlets.validate("step")
    def _known_step(self, proposal: Any) -> int:
        last = self.journey.trajectory.states.shape[1] - 1
        if not 0 <= proposal.value <= last:
            raise ConfigError(f"There is no step {proposal.value}.", remedy=f"This journey has steps 0 to {last}.")
        return int(proposal.value)

    @traitlets.validate("selection")
    def _known_items(self, proposal: Any) -> list[int]:
        count = len(self.journey.trajectory.item_names)
        if unknown := [item for item in proposal.value if not 0 <= item < count]:
            raise ConfigError(f"There is no item {unknown[0]}.", remedy=f"This journey has items 0 to {count - 1}.")
        return sorted(set(proposal.value))

    @traitlets.validate("map")
    def _known_map(self, proposal: Any) -> str:
        if proposal.value not in self.journey.maps:
            names = ", ".join(self.journey.maps)
            raise ConfigError(f"There is no map {proposal.value!r:.60}.", remedy=f"This journey has {names}.")
        return str(proposal.value)

    def __repr__(self) -> str:
        return f"PlayerWidget of {self.journey!r}"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """What a notebook shows: the widget, and for whoever has no kernel the page that plays without one."""
        page = framed_page(self.journey)
        if not is_watched():
            return {"text/plain": repr(self), HTML: page}, {}
        data, about = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return {**data, "text/plain": repr(self), HTML: page}, about
