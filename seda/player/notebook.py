"""A journey as the last line of a notebook's cell: the widget where anywidget is installed, and the page that plays without a kernel.

Both are sent at once. A frontend with a kernel takes the widget; what has none, such as a page that nbconvert wrote, takes the page,
which stands in a frame with all that it needs inside and asks no server for anything.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from seda.errors import SedaError
from seda.journeys.journey import Journey
from seda.player.framed import HTML, framed_page, is_watched


def journey_bundle(journey: Journey, include: Any = None, exclude: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """What IPython shows of a journey, by media type, and what it says of each; see `seda._play_in_notebooks`.

    Args:
        include, exclude: media types that are asked for, of IPython; it heeds them itself.
    """
    line = repr(journey)
    try:
        if is_watched() and find_spec("anywidget") is not None:
            from seda.player.widget import PlayerWidget

            data, about = PlayerWidget(journey)._repr_mimebundle_()
            return {**data, "text/plain": line}, about
        return {"text/plain": line, HTML: framed_page(journey)}, {}
    except SedaError as error:  # too large, or damaged: the cell has run, and the journey is there
        return {"text/plain": f"{line}\n{error.message} {error.remedy}".rstrip()}, {}
