"""Nearest points in feature space: for the trust in maps, and the training pictures that a state is nearest to."""

from __future__ import annotations

import numpy as np
import torch

from seda.evaluation.maps import N_NEIGHBORS
from seda.journeys.journey import Neighbors
from seda.journeys.reference_pictures import ReferencePictures

N_SHOWN = 6  # training pictures a state; chosen here: as many as can be taken in at a glance
CHUNK = 4096  # states at a time; their distances to a pool of 2,400 points take 40 MB
MAX_DISTANCES = CHUNK * 5_000  # of one piece, 80 MB; chosen here: beyond a pool of 5,000 points pieces are smaller


def nearest_points(
    states: np.ndarray, pool: np.ndarray, sample: slice, n_neighbors: int = N_NEIGHBORS, n_shown: int = N_SHOWN
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nearest in a pool by distance, and nearest in a part of it by cosine, both from one product of matrices.

    Args:
        states: float32 [q, d].
        pool: float32 [p, d].
        sample: the part of the pool that is asked by cosine, m points.
        n_neighbors: k, at most p are given.
        n_shown: t, at most m are given.
    Returns:
        Indices int64 [q, k] into the pool, indices int64 [q, t] into the sample, and their cosines float32 [q, t];
        nearest first.
    """
    points = torch.from_numpy(pool)
    squares, lengths = points.square().sum(1), points[sample].norm(dim=1).clamp_min(1e-12)
    k, t = min(n_neighbors, len(points)), min(n_shown, len(lengths))
    nearest, indices, cosines = [], [], []
    for queries in torch.from_numpy(states).split(max(1, min(CHUNK, MAX_DISTANCES // max(len(points), 1)))):
        products = queries @ points.T  # [q, p]
        nearest.append(torch.sub(squares, products, alpha=2).topk(k, largest=False).indices)
        norms = queries.norm(dim=1, keepdim=True).clamp_min(1e-12)
        found = (products[:, sample] / lengths).topk(t)
        indices.append(found.indices)
        cosines.append((found.values / norms).clamp(-1, 1))
    return torch.cat(nearest).numpy(), torch.cat(indices).numpy(), torch.cat(cosines).numpy()


def shown_neighbors(
    indices: np.ndarray, similarities: np.ndarray, labels: np.ndarray, pictures: ReferencePictures | None
) -> Neighbors:
    """Neighbours as a journey holds them: of m training pictures only those that occur.

    Args:
        indices: int64 [n, s, t], into the m pictures.
        similarities: float32 [n, s, t].
        labels: [m], category of each picture.
        pictures: the m pictures; None where there are none.
    """
    occurring, places = np.unique(indices, return_inverse=True)
    sheet, columns = (b"", 0) if pictures is None else pictures.sheet(occurring)
    return Neighbors(
        places.reshape(indices.shape).astype(np.int32),
        similarities,
        labels[occurring].astype(np.int16),
        sheet,
        columns,
        0 if pictures is None else pictures.side,
    )
