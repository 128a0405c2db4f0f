"""The kinds of maps and the maps that an aligner or a journey may have: the one list that fitting, command line and screen read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_NEIGHBOR_NOTE = (
    "Near one another mostly means alike; how far apart groups lie, and in which direction, means little on this map."
)
MAP_KINDS = {  # how a map is made, and what may be read from distances on it: the line below the map
    "umap": _NEIGHBOR_NOTE,
    "pca": "A straight shadow of the feature space: what lies far apart is far apart, what lies close may still differ.",
    "timeline": (
        "Left to right are the steps, only the height is a map: level mostly means alike, yet crossing lines need not meet. "
        "Where words lie close the height is stretched; its order is kept."
    ),
    "umap-learn": _NEIGHBOR_NOTE,
    "given": "These places came with the paths; what distances mean here, whoever made them has to say.",
    "words": (
        "A straight shadow, seen from where these words differ most: the nearer to a word, the more like it. What the pictures "
        "differ in besides does not show."
    ),
}


@dataclass(frozen=True)
class MapForm:
    """A map that an aligner or a journey may have.

    Attributes:
        label: for the screen.
        kind: a key of MAP_KINDS.
        dimensions: that are fitted; of a timeline its height alone.
        fitted: "always" for every aligner, "asked" when it is asked for by name, "journey" for each journey's own words, "given" where places
            came with paths that were made elsewhere.
        steps_share: of `MapConfig.steps` that a parametric map takes.
        settings: of `MapConfig` that it has other than the default.
    """

    label: str
    kind: str
    dimensions: int
    fitted: str = "always"
    steps_share: float = 1.0
    settings: Mapping[str, float] = field(default_factory=dict)


# in the order of the screen. Three dimensions leave more room and one leaves little to learn: fewer steps reach what more would.
# Nothing can be gone around in one dimension: gentle terms and steps keep more neighbours
MAPS = {
    "umap-2d": MapForm("UMAP", "umap", 2),
    "umap-3d": MapForm("UMAP 3-D", "umap", 3, steps_share=0.5),
    "timeline": MapForm(
        "Timeline", "timeline", 1, steps_share=0.4,
        settings={"learning_rate": 2e-3, "straight_weight": 0.1, "jump_weight": 0.01, "gather_weight": 0.0},
    ),
    "words-2d": MapForm("Words", "words", 2, "journey"),
    "words-3d": MapForm("Words 3-D", "words", 3, "journey"),
    "pca-2d": MapForm("PCA", "pca", 2),
    "pca-3d": MapForm("PCA 3-D", "pca", 3),
    "umap-learn": MapForm("umap-learn", "umap-learn", 2, "asked"),
    "given-2d": MapForm("As given", "given", 2, "given"),
    "given-3d": MapForm("As given 3-D", "given", 3, "given"),
}  # fmt: skip
FITTED_ALWAYS = tuple(name for name, form in MAPS.items() if form.fitted == "always")
FITTED = tuple(name for name, form in MAPS.items() if form.fitted in ("always", "asked"))
OF_WORDS = {name: form.dimensions for name, form in MAPS.items() if form.fitted == "journey"}
