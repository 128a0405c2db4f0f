"""What the file of a map may hold, decided by its header: see `seda.projection.frozen`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from seda.array_layout import ArrayLayout
from seda.errors import FileFormatError
from seda.schema import Count, Line, OpenSchema, Schema, Text, check
from seda.storage import ArrayInfo

LIMITS = {"d": 65_536, "q": 3, "w": 4096, "m": 100_000, "p": 1_000_000, "u": 3}
_NETWORK = {
    r"projector\.axes": ("F", "d u"),
    r"projector\.mean": ("F", "d"),
    r"projector\.input_scale": ("F", ""),
    r"projector\.network\.0\.weight": ("F", "w d"),
    r"projector\.network\.[02]\.bias": ("F", "w"),
    r"projector\.network\.2\.weight": ("F", "w *w"),
    r"projector\.network\.4\.weight": ("F", "u w"),
    r"projector\.network\.4\.bias": ("F", "u"),
}
_REFERENCE = {"reference": ("F", "m q")}
LAYOUTS = {
    "umap": ArrayLayout(_REFERENCE | _NETWORK, LIMITS, optional=False),
    "timeline": ArrayLayout(_REFERENCE | _NETWORK | {r"projector\.bounds": ("F", "2")}, LIMITS, optional=False),
    "pca": ArrayLayout(
        _REFERENCE | {r"projector\.axes": ("F", "d u"), r"projector\.mean": ("F", "d")}, LIMITS, optional=False
    ),
    "umap-learn": ArrayLayout(
        _REFERENCE
        | {
            r"projector\.points": ("F", "p d"),
            r"projector\.positions": ("F", "p u"),
            r"projector\.n_neighbors": ("I", ""),
        },
        LIMITS,
        optional=False,
    ),
}


class MapCard(OpenSchema):
    """Keys of a map's card that are read."""

    aligner: Line = ""
    aligner_fingerprint: Line = ""
    encoder_fingerprint: Line = ""
    config: dict[Line, bool | int | float | str | None] = Field(default_factory=dict)
    notes: Annotated[tuple[Text, ...], Field(max_length=100)] = ()
    scores: Annotated[dict[Line, float | None], Field(max_length=100)] = Field(default_factory=dict)
    points: dict[Line, Count] = Field(default_factory=dict)
    paths: Count = 0


class MapFile(Schema):
    """The header of map-NAME.safetensors."""

    format: Literal["seda-map"]
    version: Literal[2]
    kind: str
    card: MapCard


def check_map(path: Any, remedy: str, infos: Mapping[str, ArrayInfo], metadata: Mapping[str, Any]) -> None:
    """
    Raises:
        FileFormatError: the file is no map of this version, or holds what is not allowed; names it.
    """
    if metadata.get("format") != "seda-map" or metadata.get("version") != 2:
        raise FileFormatError(f"{path} is not a map of version 2.", remedy=remedy)
    check(MapFile, dict(metadata), f"{path} is incomplete", remedy=remedy)
    if metadata["kind"] not in LAYOUTS:
        raise FileFormatError(
            f"{path} is incomplete: kind is {metadata['kind']!r:.60}; known are {', '.join(LAYOUTS)}.", remedy=remedy
        )
    try:
        sizes = LAYOUTS[metadata["kind"]].check(infos)
        # a timeline's height is a map of one dimension, and its own other one is the time
        if sizes["u"] != (1 if metadata["kind"] == "timeline" else sizes["q"]) or sizes["q"] < 2:
            raise ValueError(f"it has {sizes['q']} dimensions, its reference points {sizes['u']}")
    except ValueError as error:
        raise FileFormatError(f"{path} is incomplete ({error}).", remedy=remedy) from error
