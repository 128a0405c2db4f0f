"""A plausible small journey made with numpy alone: fast, seeded, for every test that needs one."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace

import numpy as np

from seda.config import SamplingConfig
from seda.journeys.ghosts import with_ghost
from seda.journeys.journey import Journey, Neighbors, SeedCloud
from seda.journeys.settings import TraceSettings
from seda.journeys.trajectory import MapPositions, Trajectory

NAMES = ("coat", "sneaker", "bag", "dress", "sandal", "shirt", "trouser", "pullover", "ankle boot", "T-shirt")
WIDTH = 16
NEIGHBORS = 15


def toy_journey(
    items: int = 6,
    steps: int = 8,
    classes: int = 4,
    seed: int = 0,
    *,
    reference: int = 240,
    class_names: tuple[str, ...] | None = None,
    center_names: tuple[str, ...] | None = None,
    maps: tuple[str, ...] = ("umap-2d", "umap-3d", "pca-2d", "timeline"),
    thinned: int = 1,
    neighbors: bool = True,
    ghost: bool = False,
    clouds: bool = False,
    labelled: bool = False,
) -> Journey:
    """Items that start near their class, are noised, reach its center, are noised again and reach its text.

    Args:
        steps: denoising steps a stage; the trajectory has 2 * steps + 3 states.
        classes: number of class texts and of category centers.
        reference: training features on the map.
        class_names: texts that replace the first `classes` names.
        center_names: names of the categories; the class names unless given.
        maps: which of the maps, and in which order.
        thinned: the reference is every so many-th point of what there would be.
        neighbors: with the nearest training pictures.
        ghost: with an earlier run of all items but the last, other noise, more steps and another first class text.
        clouds: with a seed cloud of the second item (of the first where there is one only).
        labelled: with the right class text of all items but the last; that of every third one, from the first on, is the next class.
    """
    rng = np.random.default_rng(seed)
    names = class_names or tuple(NAMES[i] if i < len(NAMES) else f"class {i + 1}" for i in range(classes))
    assert len(names) == classes
    angles = 2 * np.pi * (np.arange(classes) + 0.25) / classes
    ring = np.stack([1.55 * np.cos(angles), np.sin(angles)], axis=1)  # [k, 2], wider than high as screens are
    scale = 2.0 + 0.35 * np.sqrt(classes)
    centers = np.concatenate([scale * ring, 0.9 * rng.normal(size=(classes, WIDTH - 2))], axis=1)
    texts = centers * 1.35 + rng.normal(size=(classes, WIDTH)) * 0.35
    labels = np.arange(items) % classes
    visual = centers[labels] + rng.normal(size=(items, WIDTH)) * 0.8

    paths = _paths(rng, visual, centers[labels], texts[labels], steps)
    trajectory = Trajectory(
        **paths,
        class_probabilities=_probabilities(paths["states"], texts),
        class_text_features=texts.astype(np.float32),
        class_centers=centers.astype(np.float32),
        image_features=visual.astype(np.float32),
        item_seeds=np.arange(items) + 1000 * seed,
        item_names=tuple(f"{names[label]} {i // classes + 1}.png" for i, label in enumerate(labels)),
        class_names=names,
        center_names=center_names or names,
        settings=TraceSettings(
            aligner="toy", encoder="none", sampling=SamplingConfig(num_inference_steps=steps, seed=seed)
        ),
    )
    reference_labels = rng.integers(0, classes, size=reference).astype(np.int16)
    cloud = centers[reference_labels] + rng.normal(size=(reference, WIDTH)) * ([0.55, 0.4] + [0.5] * (WIDTH - 2))
    space = _Space(trajectory.states, texts, centers, cloud)
    journey = Journey(
        trajectory,
        space.maps(maps, trajectory.hand_over),
        reference_labels,
        reference * thinned - (thinned - 1),
        tuple(_picture(rng, int(label)) for label in labels),
        title="Toy journey",
        note="Invented paths: each item finds its category center, then its class text.",
        neighbors=_neighbors(trajectory.states, cloud, reference_labels) if neighbors else None,
    )
    if ghost:
        journey = with_ghost(journey, _earlier(journey, space, steps + 3))
    if clouds:
        journey = replace(journey, clouds=(_seed_cloud(journey, space, min(1, items - 1)),))
    if labelled:
        order = np.arange(items)
        truth = (order + (order % 3 == 0)) % classes
        truth[-1] = -1
        journey = replace(journey, labels=truth.astype(np.int16))
    return journey


def _paths(rng: np.random.Generator, visual: np.ndarray, centers: np.ndarray, texts: np.ndarray, steps: int) -> dict:
    """Paths from visual features [n, d] over each one's center [n, d] to its text [n, d]."""
    learner = _walk(rng, centers, steps, noise=2.6, settle=0.10)
    translator = _walk(rng, texts, steps, noise=1.1, settle=0.06)
    states = np.concatenate([visual[:, None], learner, translator], axis=1).astype(np.float32)  # [n, 2 K + 3, d]
    ladder = np.linspace(999, 0, steps + 1).astype(np.int16)
    return {
        "states": states,
        "x_0": states.copy(),
        "stages": np.array([0] + [1] * (steps + 1) + [2] * (steps + 1), dtype=np.int8),
        "timesteps": np.concatenate([[0], ladder, (ladder * 0.5).astype(np.int16)]).astype(np.int16),
    }


def _probabilities(states: np.ndarray, texts: np.ndarray) -> np.ndarray:
    return _softmax(-np.square(states[:, -1:, :] - texts).mean(axis=-1) * 3)


def _neighbors(states: np.ndarray, cloud: np.ndarray, labels: np.ndarray, count: int = 6) -> Neighbors:
    """By cosine among the first features of the cloud; their pictures show their class."""
    cloud = cloud[:400].astype(np.float32)  # enough for a toy
    unit = [points / np.linalg.norm(points, axis=-1, keepdims=True) for points in (states, cloud)]
    cosines = unit[0] @ unit[1].T  # [n, s, m]
    nearest = np.argsort(-cosines, axis=-1, kind="stable")[..., :count]
    occurring, places = np.unique(nearest, return_inverse=True)
    labels, columns, tile = labels[occurring], 16, 12
    rng = np.random.default_rng(len(labels))
    cells = np.zeros((-(-len(labels) // columns) * columns, tile, tile, 3), dtype=np.uint8)
    for cell, label in zip(cells, labels.tolist(), strict=False):
        cell[:] = _pixels(rng, label, tile)
    sheet = cells.reshape(-1, columns, tile, tile, 3).swapaxes(1, 2).reshape(-1, columns * tile, 3)
    return Neighbors(
        places.reshape(nearest.shape).astype(np.int32),
        np.take_along_axis(cosines, nearest, axis=-1).astype(np.float32),
        labels,
        _png(sheet),
        columns,
        tile,
    )


def _earlier(journey: Journey, space: _Space, steps: int) -> Journey:
    """A run of all items but the last that came before: other noise, other steps, another first class text."""
    now, rng = journey.trajectory, np.random.default_rng([7, len(journey.thumbnails)])
    texts, kept = now.class_text_features.copy(), max(len(now.item_names) - 1, 1)
    texts[0] += rng.normal(size=WIDTH) * 0.6
    labels = np.arange(kept) % len(texts)
    paths = _paths(rng, now.image_features[:kept], now.class_centers[labels], texts[labels], steps)
    earlier = replace(
        now,
        **paths,
        class_probabilities=_probabilities(paths["states"], texts),
        class_text_features=texts,
        image_features=now.image_features[:kept],
        item_seeds=now.item_seeds[:kept],
        item_names=now.item_names[:kept],
        class_names=(f"winter {now.class_names[0]}", *now.class_names[1:]),
        settings=now.settings.model_copy(update={"sampling": SamplingConfig(num_inference_steps=steps, seed=99)}),
    )
    maps = space.moved(earlier.states, texts).maps(tuple(journey.maps), earlier.hand_over)
    return replace(journey, trajectory=earlier, maps=maps, thumbnails=journey.thumbnails[:kept], neighbors=None)


def _seed_cloud(journey: Journey, space: _Space, item: int, count: int = 8) -> SeedCloud:
    """One item under other noise; every fourth seed ends at the next class."""
    now, rng = journey.trajectory, np.random.default_rng([11, item])
    k, steps = len(now.class_names), now.hand_over - 1
    labels = (item + (np.arange(count) % 4 == 3)) % k
    visual = np.repeat(now.image_features[item : item + 1], count, axis=0)
    states = _paths(rng, visual, now.class_centers[labels], now.class_text_features[labels], steps)["states"]
    states[0] = now.states[item]
    runs = replace(
        now,
        states=states,
        x_0=states,
        class_probabilities=_probabilities(states, now.class_text_features),
        image_features=visual,
        item_seeds=np.arange(count),
        item_names=("",) * count,
    )
    cosines = runs.class_similarities()
    low, high = np.quantile(cosines, [0.1, 0.9], axis=0).astype(np.float32)
    apart = np.linalg.norm(states - states.mean(axis=0), axis=-1)  # [r, s]
    placed = space.moved(states, now.class_text_features).maps(tuple(journey.maps), now.hand_over)
    return SeedCloud(
        item=item,
        seeds=np.arange(count),
        states={name: positions.states for name, positions in placed.items()},
        low=low,
        high=high,
        spread=(np.sqrt(np.square(apart).mean(axis=0)) / now.feature_norm).astype(np.float32),
        ends=cosines[:, -1].argmax(axis=-1).astype(np.int16),
        answers=runs.class_probabilities.argmax(axis=-1).astype(np.int16),
    )


class _Space:
    """The features of a toy journey, and maps of them that are plain projections."""

    def __init__(self, states: np.ndarray, texts: np.ndarray, centers: np.ndarray, reference: np.ndarray) -> None:
        self.parts = {"states": states, "texts": texts, "centers": centers, "reference": reference}

    def moved(self, states: np.ndarray, texts: np.ndarray) -> _Space:
        """The same centers and reference around other paths and texts."""
        return _Space(states, texts, self.parts["centers"], self.parts["reference"])

    def maps(self, names: tuple[str, ...], hand_over: int) -> dict[str, MapPositions]:
        # In the toy the first features are a plain map already: two of them flat, the third its depth.
        flat = np.eye(WIDTH)[:, :2]
        solid = np.concatenate([flat, 0.75 * np.eye(WIDTH)[:, 2:3]], axis=1)
        cloud = self.parts["reference"]
        axes = np.linalg.svd(cloud - cloud.mean(axis=0), full_matrices=False)[2][:2].T  # [d, 2]
        makers = {
            "umap-2d": lambda: self.positions(flat, "umap", "UMAP", {"trustworthiness": 0.943, "continuity": 0.958}),
            "umap-3d": lambda: self.positions(solid, "umap", "UMAP", {"trustworthiness": 0.961, "continuity": 0.97}),
            "pca-2d": lambda: self.positions(axes, "pca", "PCA", {"trustworthiness": 0.871, "continuity": 0.94}),
            "timeline": lambda: self.timeline(hand_over),
        }
        return {name: makers[name]() for name in names}

    def positions(self, matrix: np.ndarray, kind: str, label: str, scores: dict[str, float]) -> MapPositions:
        placed = {name: (features @ matrix).astype(np.float32) for name, features in self.parts.items()}
        kept = self._kept(placed)
        about = {"kind": kind, "label": label, "scores": scores, "n_neighbors": NEIGHBORS}
        return MapPositions(**placed, neighbors_kept=kept, step_flags=self._flags(placed["states"]), about=about)

    def timeline(self, hand_over: int) -> MapPositions:
        across = self.parts["centers"].std(axis=0).argmax()
        n, s, _ = self.parts["states"].shape
        progress = {"states": np.tile(np.arange(s) / (s - 1), (n, 1)), "texts": 1, "centers": hand_over / (s - 1)}
        placed = {}
        for name, features in self.parts.items():
            height = np.tanh(features[..., across] / 4)
            placed[name] = np.stack([np.broadcast_to(progress.get(name, 0), height.shape), height], -1).astype(
                np.float32
            )
        about = {"kind": "timeline", "label": "Timeline", "scores": {"trustworthiness": 0.79}, "n_neighbors": NEIGHBORS}
        return MapPositions(
            **placed, neighbors_kept=self._kept(placed), step_flags=self._flags(placed["states"]), about=about
        )

    def _kept(self, placed: dict[str, np.ndarray]) -> np.ndarray:
        """Share of each state's nearest reference points that are its nearest on the map, [n, s]."""
        n, s, _ = placed["states"].shape

        def nearest(part: dict[str, np.ndarray]) -> np.ndarray:
            states, reference = part["states"].reshape(n * s, -1), part["reference"][:400]  # enough for a toy
            if len(reference) <= NEIGHBORS:
                return np.tile(np.arange(len(reference)), (n * s, 1))
            squares = np.square(states).sum(1)[:, None] + np.square(reference).sum(1) - 2 * states @ reference.T
            return np.argpartition(squares, NEIGHBORS, axis=1)[:, :NEIGHBORS]

        true, found = nearest(self.parts), nearest(placed)
        share = [len(set(a) & set(b)) / max(len(a), 1) for a, b in zip(true.tolist(), found.tolist(), strict=True)]
        return np.sqrt(np.array(share, dtype=np.float32).reshape(n, s))  # the root: real maps keep more than the toy

    def _flags(self, placed: np.ndarray) -> np.ndarray:
        """Steps that are long on the map and short in the features, or the other way round, [n, s - 1]."""
        ratio = np.log(_lengths(placed[..., -2:])) - np.log(_lengths(self.parts["states"]))
        low, high = np.quantile(ratio, [0.03, 0.97])
        return ((ratio > high).astype(np.int8) - (ratio < low).astype(np.int8)).astype(np.int8)


def _lengths(states: np.ndarray) -> np.ndarray:
    return np.linalg.norm(np.diff(states, axis=1), axis=-1) + 1e-6


def _walk(rng: np.random.Generator, goal: np.ndarray, steps: int, *, noise: float, settle: float) -> np.ndarray:
    """From noise to just beside the goal, [n, steps + 1, d]: the noise shrinks and turns a little at each step."""
    start = rng.normal(size=goal.shape) * noise
    bend = rng.normal(size=goal.shape) * noise * 0.45
    rest = rng.normal(size=goal.shape) * settle
    remaining = np.linspace(1, 0, steps + 1)[:, None, None]
    path = goal * (1 - 0.75 * remaining) + start * remaining**1.3 + bend * remaining * (1 - remaining) * 2 + rest
    return np.swapaxes(path, 0, 1)


def _softmax(logits: np.ndarray) -> np.ndarray:
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _picture(rng: np.random.Generator, label: int, side: int = 48) -> bytes:
    """A PNG with a shape of its class on a soft ground, written by hand so that no image library is needed."""
    return _png(_pixels(rng, label, side))


def _pixels(rng: np.random.Generator, label: int, side: int) -> np.ndarray:
    y, x = np.mgrid[0:side, 0:side] / (side - 1) * 2 - 1
    radius = np.hypot(x, y)
    lobes = 0.55 + 0.16 * np.cos((label + 2) * np.arctan2(y, x) + rng.uniform(0, 6))
    hue = rng.uniform(60, 200, size=3)
    ground = 232 - 26 * radius[..., None] + np.zeros(3)
    body = hue * (1.15 - 0.5 * radius[..., None])
    return np.where((radius < lobes)[..., None], body, ground).clip(0, 255).astype(np.uint8)


def _png(pixels: np.ndarray) -> bytes:
    height, width, _ = pixels.shape

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = b"".join(b"\x00" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
