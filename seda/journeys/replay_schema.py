"""What a replay file may hold: its metadata by type and size, its arrays by shape, and the products of their counts.

A replay is a stranger's file, half a megabyte of which can ask for gigabytes: every item is compared with every class text at
every state. So all of it is decided by the header, before an array is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import prod
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from seda.array_layout import ArrayLayout
from seda.class_texts import MAX_TEXTS
from seda.config import SamplingConfig
from seda.errors import FileFormatError
from seda.journeys.settings import TraceSettings
from seda.journeys.trajectory import SEDA_STAGES
from seda.schema import Count, Line, OpenSchema, Schema, Text, check
from seda.storage import ArrayInfo, read_metadata_of

FORMAT = "seda-journey"
FORMAT_VERSION = 3
REMEDY = "Trace the images again."

# n items, s states, d and D feature widths, k class texts, a answers for each item (k or none), c centers, m reference points, q dimensions of a map, t neighbours of a
# state, u pictures on the sheet, g items with a ghost, s2 states and k2 class texts of it, r seeds of a cloud, b and h bytes. Chosen
# here: what the player animates, and what the app lets a user ask for
LIMITS = {
    "n": 1024, "s": 2000, "d": 8192, "D": 65_536, "k": MAX_TEXTS, "a": MAX_TEXTS, "c": 5000, "m": 100_000, "q": 3,
    "t": 64, "u": 65_536, "g": 1024, "s2": 2 * SamplingConfig.MAX_STEPS + 3, "k2": MAX_TEXTS, "r": 1000, "b": 2**26, "h": 2**24,
}  # fmt: skip
MAX_MAPS, MAX_CLOUDS, MAX_STAGES = 16, 1024, 12
MAX_THUMBNAIL = 2**18  # bytes; a picture of 96 x 96 pixels has .03 MB at most
MAX_CLOUD_STATES = 1_000_000  # seeds times states times maps, of all clouds

LAYOUT = ArrayLayout(
    {
        r"trajectory\.(?:states|x_0)": ("F", "n s d"),
        r"trajectory\.stages": ("IU", "s"),
        r"trajectory\.timesteps": ("IU", "s"),
        r"trajectory\.class_probabilities": ("F", "n a"),
        r"trajectory\.class_text_features": ("F", "k d"),
        r"trajectory\.class_centers": ("F", "c d"),
        r"trajectory\.image_features": ("F", "n D"),
        r"trajectory\.item_seeds": ("IU", "n"),
        r"trajectory\.shares": ("F", "s 3"),
        r"trajectory\.center_weights": ("F", "n s c"),
        r"trajectory\.text_weights": ("F", "n s k"),
        r"maps\.(.+)\.states": ("F", "n s q"),
        r"maps\.(.+)\.texts": ("F", "k q"),
        r"maps\.(.+)\.centers": ("F", "c q"),
        r"maps\.(.+)\.reference": ("F", "m q"),
        r"maps\.(.+)\.neighbors_kept": ("F", "n s"),
        r"maps\.(.+)\.step_flags": ("I", "n s-1"),
        r"reference_labels": ("I", "m"),
        r"labels": ("I", "n"),
        r"groups": ("I", "n"),
        r"thumbnails\.bytes": ("U", "b"),
        r"thumbnails\.lengths": ("IU", "n"),
        r"neighbors\.indices": ("IU", "n s t"),
        r"neighbors\.similarities": ("F", "n s t"),
        r"neighbors\.labels": ("I", "u"),
        r"neighbors\.sheet": ("U", "h"),
        r"ghost\.items": ("IU", "g"),
        r"ghost\.stages": ("IU", "s2"),
        r"ghost\.answers": ("IU", "g"),
        r"ghost\.answer_probabilities": ("F", "g"),
        r"ghost\.differences": ("F", "g s"),
        r"ghost\.states\.(.+)": ("F", "g s2 q"),
        r"ghost\.texts\.(.+)": ("F", "k2 q"),
        r"clouds\.(\d+)\.(?:seeds|ends|answers)": ("IU", "r"),
        r"clouds\.(\d+)\.(?:low|high)": ("F", "s k"),
        r"clouds\.(\d+)\.spread": ("F", "s"),
        r"clouds\.\d+\.states\.(.+)": ("F", "*r s q"),
    },
    LIMITS,
    # 64 items, 1,000 class texts and 200 steps are 25.8 million cosines
    {("n", "s"): 100_000, ("n", "s", "d"): 40e6, ("n", "s", "k"): 26e6, ("n", "s", "c"): 26e6, ("n", "s", "t"): 3.2e6,
     ("k", "d"): 8.2e6, ("c", "d"): 8.2e6, ("n", "D"): 8.2e6},
    own=frozenset("qr"),
)  # fmt: skip

Names = tuple[Line, ...]
Shape = Literal["round", "square", "hexagon"]  # of a head


class About(OpenSchema):
    """What a map says of itself."""

    kind: Line
    label: Line = ""
    n_neighbors: Count | None = None
    scores: Annotated[dict[Line, float | None], Field(max_length=100)] = Field(default_factory=dict)


class MapEntry(Schema):
    """A map; its points are arrays of the same file."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    about: About


class Sheet(Schema):
    """How the neighbours' pictures lie on their contact sheet; tile is in pixels."""

    columns: Annotated[int, Field(ge=0, le=4096)]
    tile: Annotated[int, Field(ge=0, le=4096)]


class GhostEntry(Schema):
    """The journey before, that this one is compared with."""

    class_names: Annotated[Names, Field(min_length=1, max_length=LIMITS["k2"])]
    changes: Annotated[tuple[Text, ...], Field(max_length=100)]
    maps: Annotated[Names, Field(min_length=1, max_length=MAX_MAPS)]


class CloudEntry(Schema):
    """An item that was repeated with other seeds."""

    item: Annotated[int, Field(ge=0, lt=LIMITS["n"])]
    maps: Annotated[Names, Field(min_length=1, max_length=MAX_MAPS)]
    average: Annotated[int, Field(ge=-1, lt=LIMITS["k"])] = -1


class ReplayMetadata(Schema):
    """What the metadata of a replay may hold."""

    format: Literal["seda-journey"]
    version: Literal[3]
    title: Line
    note: Text
    item_names: Annotated[Names, Field(min_length=1, max_length=LIMITS["n"])]
    class_names: Annotated[Names, Field(max_length=LIMITS["k"])]
    center_names: Annotated[Names, Field(max_length=LIMITS["c"])]
    settings: TraceSettings
    maps: Annotated[tuple[MapEntry, ...], Field(min_length=1, max_length=MAX_MAPS)]
    reference_total: Count
    neighbors: Sheet | None
    ghost: GhostEntry | None
    clouds: Annotated[tuple[CloudEntry, ...], Field(max_length=MAX_CLOUDS)]
    stage_names: Annotated[Names, Field(min_length=1, max_length=MAX_STAGES)] = SEDA_STAGES
    group_names: Annotated[Names, Field(max_length=LIMITS["k"])] = ()
    shapes: Annotated[tuple[Shape, ...], Field(max_length=LIMITS["n"])] = ()


class ReplayHeader:
    """What a file's header says, checked once, before its arrays are read.

    Attributes:
        name: of the file, for messages.
        metadata: as `check` found it.
    """

    metadata: ReplayMetadata

    def __init__(self, name: str) -> None:
        self.name = name

    def check(self, infos: Mapping[str, ArrayInfo], metadata: Mapping[str, JsonValue]) -> None:
        """Decide by the header whether the arrays are read.

        Raises:
            FileFormatError: it is no replay, of another version, or holds what is not allowed; names it.
        """
        name = self.name
        if metadata.get("format") != FORMAT:
            raise FileFormatError(
                f"{name} is not a replay file (its format is {metadata.get('format')!r:.60}, expected {FORMAT!r}).",
                remedy="Choose a .safetensors file that `python -m seda trace` or the app's replay download wrote.",
            )
        if metadata.get("version") != FORMAT_VERSION:
            raise FileFormatError(
                f"{name} is a replay of version {metadata.get('version')!r:.60}; this program reads version {FORMAT_VERSION}.",
                remedy="Trace the images again with this version.",
            )
        if not isinstance(metadata.get("settings"), dict):
            raise FileFormatError(
                f"{name} does not say how it was made (its settings are {metadata.get('settings')!r:.60}).",
                remedy=REMEDY,
            )
        self.metadata = replay = check(ReplayMetadata, metadata, f"{name} is an incomplete replay file", remedy=REMEDY)
        known = {"n": len(replay.item_names), "k": len(replay.class_names), "c": len(replay.center_names)}
        if replay.ghost:
            known["k2"] = len(replay.ghost.class_names)
        try:
            LAYOUT.check(infos, known)
            states = sum(
                prod(info.shape[:2]) for key, info in infos.items() if re.fullmatch(r"clouds\.\d+\.states\..+", key)
            )
            if states > MAX_CLOUD_STATES:
                raise ValueError(f"its clouds hold {states:,} states; at most {MAX_CLOUD_STATES:,} are allowed")
        except ValueError as error:
            raise FileFormatError(f"{name} is an incomplete replay file ({error}).", remedy=REMEDY) from error


def is_replay(content: bytes, name: str) -> bool:
    """Whether a file's content is a journey with maps, which need not be fitted; one that is damaged is none."""
    if not name.endswith(".safetensors"):
        return False
    try:
        return read_metadata_of(content, name).get("format") == FORMAT
    except FileFormatError:
        return True  # what is wrong is said where it is read
