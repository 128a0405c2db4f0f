"""Whether pictures that are mapped to texts are distributed as texts are: the learned SeDA beside maps of the same pairs.

A map by squared error gives means: each may be right and none of them looks like a text. Measured on pictures whose texts no
method has seen: how far all ends are from all real texts, how much of these they cover, and how often the right text is nearest,
for one end and for the mean of 16. Along SeDA's own path: what each step adds, and what is left without each of its parts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seda.aligner import Aligner
from seda.baselines.text_maps import (
    FlowFromPicture,
    OneStep,
    TextMap,
    fit_contrastive,
    fit_flow,
    fit_mixture_density,
    fit_ridge,
    fit_squared,
)
from seda.config import SamplingConfig, TrainingConfig
from seda.diffusion.sampling import DenoisingPath
from seda.evaluation.alignment import recall_at_k, unbiased_mmd
from seda.evaluation.distribution import class_wise_mmd2, distribution_figures, relative_spread
from seda.models.mixture_denoiser import Mixture
from seda.stages.stage import Prepared
from seda.training.denoisers import PairSource

ENDS = 16  # of each picture, that are averaged
OURS = "seda"


@dataclass(frozen=True, eq=False)
class TextTask:
    """Pictures and the texts that they have, none of which any method has seen.

    Attributes:
        name: for tables.
        image_features: float32 [n, D], as the encoder gives them.
        texts: the list that is chosen from [k, d], as the encoder gives it.
        labels: the right one of the texts that ends are read by, for each picture [n].
        real: text features [n, d] as each picture's may be: those of its own text, or a random phrasing of its class.
        classes: the class of each picture [n], for distances within classes; None where each text is a class of its own.
        read_by: what an end is compared with to read it [k, d], as the encoder gives it; None for `texts`. Where a picture's text is
            any phrasing of its class, the mean of these: by the bare names even real phrasings are read wrongly.
    """

    name: str
    image_features: Tensor
    texts: Tensor
    labels: np.ndarray
    real: Tensor
    classes: np.ndarray | None = None
    read_by: Tensor | None = None


@dataclass(frozen=True)
class Parts:
    """What of SeDA is left out or changed; nothing by default.

    Attributes:
        denoiser: see DENOISERS.
        bank: "own" list of texts, "empty", or "others": as many texts that belong to no picture.
        stage_1: whether stage 2 begins where stage 1 ends, or at the picture itself.
        condition: whether the denoisers see the picture.
        steps: a stage.
        guidance: see `SamplingConfig`; 1 draws what was learned, None is what the app begins with.
    """

    denoiser: str = "learned"
    bank: str = "own"
    stage_1: bool = True
    condition: bool = True
    steps: int = SamplingConfig.num_inference_steps
    guidance: float | None = 1.0

    @property
    def sampling(self) -> SamplingConfig:
        """How it is walked."""
        guidance = self.guidance if self.condition else 0.0
        return SamplingConfig(num_inference_steps=self.steps, guidance=guidance, denoiser=self.denoiser)


CONTROLS: Mapping[str, Parts] = {
    "guided": Parts(guidance=None),
    "bank emptied": Parts(bank="empty"),
    "bank of other texts": Parts(bank="others"),
    "condition dropped": Parts(condition=False),
    "stage 1 skipped": Parts(stage_1=False),
    "one step": Parts(steps=1),
    "gaussian": Parts("gaussian"),
    "closed form": Parts("closed-form"),
}


@torch.inference_mode()
def walk(
    aligner: Aligner, task: TextTask, parts: Parts, seed: int, others: Tensor
) -> tuple[DenoisingPath, DenoisingPath, Prepared]:
    """Both stages' runs, and what stage 2 was prepared with.

    Args:
        others: texts [m, d], as the encoder gives them, that belong to no picture of the task.
    """
    sampling = replace(parts.sampling, seed=seed).settled(aligner.config)
    visual, condition = aligner.image_scaler(task.image_features), aligner.condition_scaler(task.image_features)
    texts, seeds = aligner.text_scaler(task.texts), range(len(task.image_features))
    learner, translator, guidance = aligner.learner, aligner.translator, sampling.guidance or 0.0
    listed = {"own": texts, "empty": texts[:0], "others": aligner.text_scaler(others[: len(texts)])}[parts.bank]
    categories = learner.belief(condition, aligner.class_centers)
    prepared = learner.prepared(
        parts.denoiser, condition, visual, aligner.class_centers, listed, guidance, categories
    )  # fmt: skip
    first = learner.run(prepared, sampling, seeds)
    semantic = first.states[:, -1] if parts.stage_1 else visual
    given = translator.condition(condition, semantic)
    answer = translator.prior(given, texts, translator.belief(condition, categories, texts)).log_softmax(-1)
    reached = (
        learner.reached(semantic, aligner.class_centers) if parts.denoiser == "learned" and parts.stage_1 else None
    )
    prepared = translator.prepared(parts.denoiser, condition, semantic, listed, guidance, answer, reached)
    return first, translator.run(prepared, sampling, seeds), prepared


def _read_by(aligner: Aligner, task: TextTask) -> Tensor:
    """Scaled [k, d]."""
    return aligner.text_scaler(task.texts if task.read_by is None else task.read_by)


def task_figures(aligner: Aligner, task: TextTask, ends: list[Tensor]) -> dict[str, float]:
    """Figures of several ends [n, d] of each picture, in scaled units."""
    real, texts = aligner.text_scaler(task.real).numpy(), _read_by(aligner, task).numpy()
    places = np.arange(len(texts))
    one, mean = ends[0].numpy(), torch.stack(ends).mean(0).numpy()

    def recall(mapped: np.ndarray, k: int) -> float:
        return recall_at_k(mapped, texts, task.labels, places, min(k, len(texts)))

    figures = {
        **distribution_figures(real, one).to_dict(),
        "r1_one_end": float(np.mean([recall(end.numpy(), 1) for end in ends])),
        "r10_one_end": recall(one, 10),
        f"r1_mean_of_{ENDS}": recall(mean, 1),
        f"r10_mean_of_{ENDS}": recall(mean, 10),
    }
    if task.classes is not None:
        figures["class_wise_mmd2"] = class_wise_mmd2(real, task.classes, one, task.classes)
    return figures


def peers(
    pairs: PairSource, aligner: Aligner, config: TrainingConfig
) -> Iterator[tuple[str, Callable[[Tensor, int], Tensor]]]:
    """Each peer's name, and its ends of image features [n, D]; trained when it is asked for."""
    sizes, length = (aligner.config.image_dim, aligner.config.dim), aligner.config.feature_norm

    def ends(fitted: TextMap, features: Tensor, seed: int) -> Tensor:
        return fitted.ends(aligner.condition_scaler(features), seed)

    squared, ridge = fit_squared(pairs, sizes, config), fit_ridge(pairs, config)
    yield "one-step mlp", partial(ends, OneStep(squared))
    yield "one-step mlp, to length", partial(ends, OneStep(squared, length))
    yield "one-step mlp, contrastive", partial(ends, OneStep(fit_contrastive(pairs, sizes, config), length))
    yield "ridge", partial(ends, OneStep(ridge))
    yield "ridge, to length", partial(ends, OneStep(ridge, length))
    yield "mixture density network", partial(ends, fit_mixture_density(pairs, sizes, config))
    flow: FlowFromPicture = fit_flow(pairs, aligner.config.dim, config)
    yield "flow matching", lambda features, seed: flow.walk(aligner.image_scaler(features), seed)


def measure(
    aligner: Aligner,
    pairs: PairSource,
    tasks: list[TextTask],
    others: Tensor,
    config: TrainingConfig,
    on_row: Callable[[dict[str, Any]], object] | None = None,
) -> list[dict[str, Any]]:
    """A row for each task and method: SeDA, its controls, and the peers, with one seed.

    Args:
        aligner: with learned denoisers, trained on the pairs.
        pairs: that the peers are trained on too.
        others: see `walk`.
        config: that of the denoisers.
        on_row: told each row as soon as it is there.
    """
    rows: list[dict[str, Any]] = []

    def add(task: TextTask, method: str, ends: list[Tensor], seconds: float) -> None:
        row = {"data": task.name, "method": method, "seed": config.seed, "pictures": len(task.labels), "texts": len(task.texts),
               **task_figures(aligner, task, ends), "ends_per_second": len(ends) * len(task.labels) / max(seconds, 1e-9)}  # fmt: skip
        rows.append(row)
        if on_row is not None:
            on_row(row)

    for task in tasks:
        for method, parts in {OURS: Parts(), **{f"{OURS}, {name}": one for name, one in CONTROLS.items()}}.items():
            started = time.perf_counter()
            ends = [walk(aligner, task, parts, seed, others)[1].states[:, -1] for seed in range(ENDS)]
            add(task, method, ends, time.perf_counter() - started)
        own = aligner.text_scaler(task.real)
        order = torch.randperm(len(own), generator=torch.Generator().manual_seed(config.seed))
        add(task, "other real texts", [own[order]], 1.0)
    for method, ends_of in peers(pairs, aligner, config):
        for task in tasks:
            started = time.perf_counter()
            add(
                task,
                method,
                [ends_of(task.image_features, seed) for seed in range(ENDS)],
                time.perf_counter() - started,
            )
    return rows


@torch.inference_mode()
def along_the_path(aligner: Aligner, task: TextTask, others: Tensor, seed: int = 0) -> dict[str, Any]:
    """What each step of SeDA's own path adds, state by state.

    Returns:
        lists over the states of both stages, of stage 2 alone where texts are concerned:
        "length" of the states; "mmd2" between states and real texts, "class_wise_mmd2" within classes (where the task has
        some), "spread" of the states in units of real texts; "accuracy" of the text nearest to the x_0 estimate and
        "state_accuracy" of that nearest to the state; "entropy" in bits of the denoiser's weights over texts given the state
        (Handke et al. 2025, arXiv:2506.10433: when is it decided), and its "rate" a step; "free", the weight of none of them.
    """
    first, second, prepared = walk(aligner, task, Parts(), seed, others)
    texts, real = _read_by(aligner, task), aligner.text_scaler(task.real).numpy()
    normalize, labels = torch.nn.functional.normalize, torch.from_numpy(task.labels)

    def right(features: Tensor) -> float:
        return float(((normalize(features, dim=1) @ normalize(texts, dim=1).T).argmax(1) == labels).float().mean())

    translator, learned = aligner.translator, aligner.translator.learned
    assert learned is not None and isinstance(prepared, Mixture)
    walked = translator.path.walk(Parts().sampling)
    levels = translator.alphas_cumprod[walked.timesteps]
    shares = translator.path.shares(levels, walked.source_shares)
    entropy, free = [], []
    for index in range(len(walked.timesteps)):
        at = slice(index, index + 1)
        time_at = learned.embed_time(walked.timesteps[at])
        _, log_weights, _ = learned.estimate(
            second.states[:, index], time_at, type(shares)(*(part[at] for part in shares)), prepared
        )
        entropy.append(float(-(log_weights.exp() * log_weights).sum(1).mean() / np.log(2)))
        free.append(float(log_weights[:, 0].exp().mean()))
    count = second.states.shape[1]
    states = [second.states[:, k].numpy() for k in range(count)]
    within = {}
    if task.classes is not None:
        within["class_wise_mmd2"] = [class_wise_mmd2(real, task.classes, state, task.classes) for state in states]
    return {
        "task": task.name,
        "length": [float(first.states[:, k].norm(dim=1).mean()) for k in range(first.states.shape[1])]
        + [float(second.states[:, k].norm(dim=1).mean()) for k in range(count)],
        "hand_over": first.states.shape[1] - 1,
        "mmd2": [unbiased_mmd(state, real) for state in states],
        **within,
        "spread": [relative_spread(real, state) for state in states],
        "accuracy": [right(second.x_0[:, k]) for k in range(count)],
        "state_accuracy": [right(second.states[:, k]) for k in range(count)],
        "entropy": entropy,
        "rate": np.diff(entropy, append=entropy[-1]).tolist(),
        "free": free,
    }
