"""What formulas say of each state: the numbers that the lesson puts beside their signs, as a part of the player's payload."""

from __future__ import annotations

from typing import Any

import numpy as np

from seda.journeys.trajectory import Trajectory
from seda.player.binary import base64_of

MAX_WEIGHTS = 400_000  # bytes of weights; a longer list of words goes without
LENGTH_SCALE = 1000  # lengths are sent as whole thousandths of a feature's length


def live_numbers(trajectory: Trajectory) -> dict[str, Any]:
    """JSON values, binary parts in base64.

    Returns:
        norm: the length of a scaled feature.
        shares: [s][3], see `Trajectory.shares`; None where they were not kept.
        lengths: uint16 [2, n, s], of states and of x_0 estimates, in thousandths of the norm.
        agreements: int16 [n, s], cosine of the state to its x_0 estimate, times 32767.
        centers: by item the center that is nearest to its state at the hand-over, and its cosine to it int16 [n, s], times 32767.
        gaps: by state the distance between the mean of all items' states and the mean of all class texts, in units of the norm; none
            without class texts.
        weights: of centers uint8 [n, s, c] and of texts uint8 [n, s, k], times 255; None where they were not kept.
    """
    norm = trajectory.feature_norm or 1.0
    states, x_0 = trajectory.states, trajectory.x_0
    lengths = [np.linalg.norm(array, axis=2) for array in (states, x_0)]  # [n, s] each
    agreements = (states * x_0).sum(2) / np.maximum(lengths[0] * lengths[1], 1e-12)
    to_centers = trajectory.center_similarities()  # [n, s, c]
    nearest = to_centers[:, trajectory.hand_over].argmax(1) if to_centers.shape[2] else np.zeros(len(states), np.int64)
    followed = (
        np.take_along_axis(to_centers, nearest[:, None, None], 2)[:, :, 0] if to_centers.shape[2] else agreements * 0
    )
    texts = trajectory.class_text_features
    gaps = np.linalg.norm(states.mean(0) - texts.mean(0), axis=1) / norm if len(texts) else np.zeros(0)
    return {
        "norm": round(float(norm), 4),
        "shares": None if trajectory.shares is None else np.round(trajectory.shares, 5).tolist(),
        "lengths": base64_of(np.clip(np.rint(np.stack(lengths) / norm * LENGTH_SCALE), 0, 65535), "<u2"),
        "agreements": base64_of(_fraction(agreements, 32767), "<i2"),
        "centers": {"nearest": nearest.tolist(), "cosines": base64_of(_fraction(followed, 32767), "<i2")},
        "gaps": [round(float(gap), 4) for gap in gaps],
        "weights": _weights(trajectory),
    }


def _weights(trajectory: Trajectory) -> dict[str, str] | None:
    centers, texts = trajectory.center_weights, trajectory.text_weights
    if centers is None or texts is None or centers.size + texts.size > MAX_WEIGHTS:
        return None
    return {"centers": base64_of(_fraction(centers, 255), "<u1"), "texts": base64_of(_fraction(texts, 255), "<u1")}


def _fraction(values: np.ndarray, scale: int) -> np.ndarray:
    return np.rint(np.clip(values, -1, 1) * scale)
