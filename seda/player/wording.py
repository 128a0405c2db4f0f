"""What the player calls the parts of a journey: an aligner's own by what they lead to, others by the names that they came with."""

from __future__ import annotations

from typing import Any

from seda.journeys.trajectory import Trajectory

_START = {"place": "the picture as it is seen", "still": "as seen", "term": "visual feature"}
_STAGES = (
    {
        "name": "to its category",
        "short": "category",
        "title": "Stage 1, the semantic learner: to the category centers",
        "way": "on the way to its category",
        "heading": "To the categories",
        "end": "hand-over at the categories",
        "still": "at the categories",
        "term": "semantic learner",
    },
    {
        "name": "to a word",
        "short": "word",
        "title": "Stage 2, the semantic translator: to the class texts",
        "way": "on the way to a word",
        "heading": "On to the words",
        "end": "at the words",
        "still": "at the words",
        "term": "semantic translator",
    },
)


def wording(trajectory: Trajectory) -> dict[str, Any]:
    """JSON values for `Wording` of seda/player/web/payload.js.

    Returns:
        item: what one of the things that travel is called; known: a point of the map that does not; text: a class text; at: how an end
        is to the class text that it is nearest to; start: the first state; stages: each one's name for a bar, a short one, a
        title, what is said on the way, above the map, at its end and below a still picture of that, and the term of the method.
    """
    if trajectory.is_aligned:
        return {
            "item": "picture",
            "known": "known picture",
            "text": "your word",
            "at": "at",
            "start": _START,
            "stages": list(_STAGES),
        }
    return {
        "item": "item",
        "known": "reference point",
        "text": "text",
        "at": "nearest to",
        "start": {"place": "the start", "still": "start", "term": "start"},
        "stages": [_named(number, name) for number, name in enumerate(trajectory.stage_names, start=1)],
    }


def _named(number: int, name: str) -> dict[str, str]:
    name = name if len(name) <= 60 else name[:59] + "…"
    end = f"end of “{name}”"
    return {
        "name": name, "short": name, "title": f"Stage {number}: {name}", "way": name, "heading": name, "end": end, "still": end, "term": name,
    }  # fmt: skip
