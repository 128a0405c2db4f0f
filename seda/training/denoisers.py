"""Training of the denoisers: first what one step can say, then the network that walks."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import nll_loss, normalize

from seda.aligner import Aligner
from seda.card import DENOISERS_CHECKPOINT
from seda.config import TrainingConfig
from seda.errors import Stopped
from seda.models.mixture_denoiser import MixtureDenoiser
from seda.models.one_step import GaussianDenoiser
from seda.stages.stage import Stage
from seda.storage import fingerprint
from seda.training.augmentation import noised
from seda.training.checkpoint import read_checkpoint, write_checkpoint

WARM_UP = 100  # steps in which the learning rate rises
EXACT_SHARE = 0.5  # of states as DDIM meets them; the others hold less of their source, as those of other samplers do
LEAST_VARIANCE = 0.01  # of targets around a one-step estimate, per dimension
LEAST_ANCHOR_VARIANCE = 1e-4  # around an anchor: a path that ends at a text ends within 1 % of it
HELD_OUT_COUNT = 1024  # pairs that the variances and the validation loss are measured on
VALIDATE_EVERY = 250  # steps
FOLDS = 3  # chosen here
HAND_OVER_SWAP = 0.1  # share of items that stage 2 sees at another category than their own: stage 1 errs

# told (what is under way, steps done, of how many, detail); True stops
Report = Callable[[str, int, int, str], object]


class Pairs(NamedTuple):
    """Items, the categories that they belong to, and the texts that they have.

    Attributes:
        visual: scaled visual features, where stage 1 starts [n, d].
        condition: scaled for the condition [n, D].
        category: index of the center [n].
        belief: stage 1's log p(category | v) [n, c] of items that it was not fitted to.
        mate: scaled visual features of another item of the category [n, d].
        text: scaled text features [n, d].
        fold: of each item, 0 to FOLDS - 1 [n]: estimates for it come from a network that saw none of its fold; -1 where an item
            never comes twice.
        bank: scaled features of candidate texts [b, d].
        own: index into the bank of each item's text, or of the one that stands for it [n].
        visible: bool [n, b], the list of each item; its own text need not be on it.
        place: where a map by contrast, which has not seen the item's fold, places its text [n, d]; None where there is no such map.
    """

    visual: Tensor
    condition: Tensor
    category: Tensor
    belief: Tensor
    mate: Tensor
    text: Tensor
    fold: Tensor
    bank: Tensor
    own: Tensor
    visible: Tensor
    place: Tensor | None = None

    @property
    def listed(self) -> Tensor:
        """Index into the bank of each item's text [n], -1 where it is not on the item's list."""
        return torch.where(self.visible.gather(1, self.own[:, None])[:, 0], self.own, -1)


class PairSource(Protocol):
    """What the denoisers are trained on."""

    @property
    def condition_std(self) -> Tensor:
        """Standard deviation of conditions [D], the unit of their noise."""

    def draw(self, count: int, generator: torch.Generator, *, held_out: bool = False) -> Pairs:
        """Random pairs, of those that training may see or of those that are held out."""

    def identity(self) -> str:
        """The same for pairs that would come to the same."""


class _Task(NamedTuple):
    """What one stage has to learn of a batch: arguments of `Stage.prepare_learned`, targets [n, d], and their anchors [n] or -1."""

    stage: Stage
    condition: Tensor
    source: Tensor
    anchors: Tensor
    bank: Tensor
    target: Tensor
    anchor: Tensor
    fold: Tensor
    belief: Tensor | None = None
    among: Tensor | None = None
    visible: Tensor | None = None
    place: Tensor | None = None


def train_denoisers(
    aligner: Aligner,
    pairs: PairSource,
    config: TrainingConfig,
    *,
    checkpoint_dir: Path | None = None,
    checkpoint_seconds: float = 20.0,
    on_progress: Report | None = None,
) -> dict[str, float]:
    """Train the denoisers that an aligner's configuration names, in place; nothing to do for the closed form.

    Stage 1 learns features of an item's category: its center, and `center_spread` of the way from it to another item (squared
    error and, as the paper's center constraint, the cross-entropy of the centers' weights). Stage 2 learns the texts of items
    from where stage 1 ends. The weights that are kept are a moving average, that of the lowest loss on held-out pairs.

    With a checkpoint_dir a second call with the same pairs and settings goes on where the first one ended, with the same
    result: every step's randomness has a seed of its own.

    Returns:
        losses on held-out pairs: "validation_denoising" (1 is that of the Gaussian denoiser without a network) and
        "validation_one_step" (squared error of the one-step estimate, 1 is that of saying nothing).
    Raises:
        FileFormatError: the checkpoint belongs to another training.
        Stopped: on_progress returned True; the steps since the last checkpoint are lost.
    """
    if aligner.config.denoiser == "closed-form":
        return {}
    trainer = _Trainer(aligner, pairs, config)
    keeper = None
    if checkpoint_dir is not None:
        identity = fingerprint([config.to_dict(), aligner.config.to_dict(), pairs.identity()])
        keeper = _Keeper(checkpoint_dir, checkpoint_seconds, identity)
    report = on_progress or (lambda *_: None)
    metrics: dict[str, float] = {}
    for phase in trainer.phases():
        _run(phase, config, keeper, report)
        metrics |= phase.finish()
    aligner.eval().requires_grad_(False)
    return metrics


class _Keeper:
    """The checkpoint of the phase that is under way."""

    def __init__(self, folder: Path, seconds: float, identity: str) -> None:
        self.folder, self.seconds, self.identity = folder, seconds, identity
        self.saved_at = time.monotonic()


class _Phase:
    """Modules that are trained together, by a loss of their own."""

    def __init__(self, name: str, modules: nn.ModuleList, steps: int, loss: Callable[..., Tensor]) -> None:
        self.name, self.modules, self.steps, self.loss = name, modules, steps, loss
        self.average = copy.deepcopy(modules).requires_grad_(False)
        self.best: dict[str, Tensor] = {}
        self.best_loss = float("inf")
        self.settle: Callable[[], dict[str, float]] = dict

    def finish(self) -> dict[str, float]:
        """Keep the best weights, rounded to half precision as they are saved. Returns figures on held-out pairs."""
        self.modules.load_state_dict({name: value.half().float() for name, value in self.best.items()})
        self.modules.eval().requires_grad_(False)
        return self.settle()


def _run(phase: _Phase, config: TrainingConfig, keeper: _Keeper | None, report: Report) -> None:
    """All steps of a phase, from its checkpoint on."""
    phase.modules.requires_grad_(True)
    optimizer = torch.optim.AdamW(phase.modules.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    both, done = nn.ModuleList([phase.modules, phase.average]), 0
    path = None if keeper is None else keeper.folder / f"{phase.name}{DENOISERS_CHECKPOINT}"
    if keeper is not None and path is not None and path.is_file():
        best, progress = read_checkpoint(path, both, optimizer, keeper.identity)
        done, phase.best_loss = int(progress["steps"]), float(progress["best_loss"])
        phase.best = {name.removeprefix("1."): value for name, value in best.items() if name.startswith("1.")}
    decay = config.average_decay
    for step in range(done, phase.steps):
        detail = "" if phase.best_loss == float("inf") else f"validation loss {phase.best_loss:.3f}"
        if step % 10 == 0 and report(f"training {phase.name}", step, phase.steps, detail):
            raise Stopped
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + step + 1)
        cosine = 0.5 * (1 + np.cos(np.pi * step / phase.steps))
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * cosine * min(1.0, (step + 1) / WARM_UP)
        phase.modules.train()
        with torch.random.fork_rng(devices=[]):  # dropout knows only the global generator
            torch.manual_seed(config.seed * 1_000_003 + step + 1)
            optimizer.zero_grad(set_to_none=True)
            loss = phase.loss(phase.modules, generator)
            loss.backward()
            nn.utils.clip_grad_norm_(phase.modules.parameters(), 1.0)
            optimizer.step()
        kept = min(decay, (step + 1) / (step + 10))  # at first the average forgets its beginning
        with torch.no_grad():
            for mean, now in zip(phase.average.parameters(), phase.modules.parameters(), strict=True):
                mean.lerp_(now, 1 - kept)
        if (step + 1) % VALIDATE_EVERY == 0 or step + 1 == phase.steps:
            _validate(phase, config)
        if keeper is not None and path is not None and time.monotonic() - keeper.saved_at >= keeper.seconds:
            best = {f"0.{name}": value for name, value in phase.modules.state_dict().items()}
            best |= {f"1.{name}": value for name, value in (phase.best or phase.average.state_dict()).items()}
            progress = {"identity": keeper.identity, "steps": step + 1, "best_loss": min(phase.best_loss, 1e30)}
            write_checkpoint(path, both, best, optimizer, progress)
            keeper.saved_at = time.monotonic()
    report(f"training {phase.name}", phase.steps, phase.steps, f"validation loss {phase.best_loss:.3f}")


@torch.no_grad()
def _validate(phase: _Phase, config: TrainingConfig) -> None:
    """Take the average as the best one where its loss on held-out pairs is the lowest so far."""
    generator = torch.Generator().manual_seed(config.seed)
    loss = float(phase.loss(phase.average.eval(), generator, held_out=True))
    if loss <= phase.best_loss or not phase.best:
        phase.best_loss = loss
        phase.best = {name: value.clone() for name, value in phase.average.state_dict().items()}


class _Trainer:
    """One training: the aligner, its pairs, and the two phases."""

    def __init__(self, aligner: Aligner, pairs: PairSource, config: TrainingConfig) -> None:
        self.aligner, self.pairs, self.config = aligner, pairs, config
        self._estimates: list[list[GaussianDenoiser]] = []
        self.stages: list[Stage] = [aligner.translator]
        if aligner.config.semantic_space:
            self.stages.insert(0, aligner.learner)

    def phases(self) -> Iterator[_Phase]:
        """In the order in which they are trained."""
        config = self.config
        # the last is the one that is kept; those before it see all folds but one, for the items of that fold
        kept = [stage.gaussian for stage in self.stages if stage.gaussian is not None]
        self._estimates = [*(copy.deepcopy(kept) for _ in range(FOLDS)), kept]
        estimates = nn.ModuleList(nn.ModuleList(stages) for stages in self._estimates)
        first = _Phase("one-step", estimates, config.one_step_steps, self._one_step_loss)
        first.settle = self._measure_variance
        yield first
        if self.aligner.config.denoiser == "learned":
            self._measure_anchor_variance()
            learned = nn.ModuleList(stage.learned for stage in self.stages if stage.learned is not None)
            second = _Phase("denoisers", learned, config.denoiser_steps, self._denoising_loss)
            second.settle = lambda: {"validation_denoising": second.best_loss}
            yield second

    def _tasks(self, generator: torch.Generator, *, held_out: bool, reached: bool = False) -> list[_Task]:
        """What the stages have to learn of one batch; `reached`: and where stage 1 ended, which only walking needs."""
        config, aligner = self.config, self.aligner
        count = HELD_OUT_COUNT if held_out else config.batch_size
        pairs = self.pairs.draw(count, generator, held_out=held_out)
        condition = pairs.condition
        if not held_out:
            condition = noised(condition, self.pairs.condition_std, config.feature_noise, generator)
        tasks, semantic = [], pairs.visual
        if aligner.config.semantic_space:
            centers = aligner.class_centers
            own = centers[pairs.category]
            target = self._around(own, pairs.mate)
            tasks.append(
                _Task(
                    aligner.learner,
                    condition,
                    pairs.visual,
                    centers,
                    pairs.bank,
                    target,
                    pairs.category,
                    pairs.fold,
                    pairs.belief,
                    visible=pairs.visible,
                )
            )
            # stage 2 must not trust stage 1 blindly: some of its ends are of another category
            other = torch.randint(len(centers), (count,), generator=generator)
            swap = torch.rand(count, generator=generator) < HAND_OVER_SWAP
            elsewhere = centers[other] + (target - own)
            semantic = torch.where(swap[:, None], self._to_length(elsewhere), target)
        given, carried = aligner.translator.condition(condition, semantic), None
        if reached and aligner.config.semantic_space and aligner.learner.learned is not None:
            # as at the hand-over of a run
            carried = aligner.translator.carry_over(
                aligner.learner.reached(semantic, aligner.class_centers), pairs.bank
            ).detach()  # fmt: skip
        tasks.append(
            _Task(
                aligner.translator, given, semantic, pairs.bank, pairs.bank, pairs.text, pairs.listed, pairs.fold, carried,
                among=pairs.visible, visible=pairs.visible, place=pairs.place,
            )
        )  # fmt: skip
        return tasks

    def _around(self, centers: Tensor, mates: Tensor) -> Tensor:
        """Features on the way from centers to items of theirs [n, d]."""
        return self._to_length(torch.lerp(centers, mates, self.config.center_spread))

    def _to_length(self, features: Tensor) -> Tensor:
        return normalize(features, dim=1) * self.aligner.config.feature_norm

    def _one_step_loss(self, modules: nn.ModuleList, generator: torch.Generator, *, held_out: bool = False) -> Tensor:
        """Squared error, 1 where nothing is said."""
        tasks, errors = self._tasks(generator, held_out=held_out), []
        for number, stages in enumerate(modules):
            assert isinstance(stages, nn.ModuleList)
            for module, task in zip(stages, tasks, strict=True):
                assert isinstance(module, GaussianDenoiser)
                # what is held out no copy has seen
                seen = (
                    task.fold != number
                    if number < FOLDS and not held_out
                    else torch.ones_like(task.fold, dtype=torch.bool)
                )
                if not seen.any():  # a batch of few items
                    continue
                squared = (module.network(task.condition[seen]) - task.target[seen]).square().sum(1)
                errors.append(squared.mean())
        return torch.stack(errors).mean() / self.aligner.config.feature_norm**2

    @torch.no_grad()
    def _measure_variance(self) -> dict[str, float]:
        """s^2 of each stage, on held-out pairs."""
        generator = torch.Generator().manual_seed(self.config.seed)
        errors = {}
        for task in self._tasks(generator, held_out=True):
            gaussian = task.stage.gaussian
            assert gaussian is not None
            squared = (gaussian.network(task.condition) - task.target).square().mean()
            gaussian.variance.copy_(squared.clamp_min(LEAST_VARIANCE).half().float())
            errors[task.stage.number] = float(squared) / gaussian.prior_variance
        return {"validation_one_step": errors[2]}

    @torch.no_grad()
    def _measure_anchor_variance(self) -> None:
        generator = torch.Generator().manual_seed(self.config.seed)
        for task in self._tasks(generator, held_out=False):
            assert task.stage.learned is not None
            near = task.anchor >= 0
            if not near.any():
                continue
            anchors, targets = task.anchors[task.anchor[near]], task.target[near]
            scale = ((targets * anchors).sum() / anchors.square().sum()).half().float()
            squared = (targets - scale * anchors).square().mean()
            task.stage.learned.anchor_scale.copy_(scale)
            task.stage.learned.anchor_variance.copy_(squared.clamp_min(LEAST_ANCHOR_VARIANCE).half().float())

    def _estimate(self, task: _Task, *, held_out: bool) -> Tensor:
        """One-step estimates [n, d], of each training item by a network that has not seen it."""
        place = next(number for number, stage in enumerate(self.stages) if stage is task.stage)
        kept = self._estimates[-1][place]
        if held_out:
            return kept.network(task.condition)
        mean = torch.empty_like(task.target)
        for number in range(-1, FOLDS):
            rows = task.fold == number
            if rows.any():
                mean[rows] = self._estimates[number][place].network(task.condition[rows])
        return mean

    def _denoising_loss(self, modules: nn.ModuleList, generator: torch.Generator, *, held_out: bool = False) -> Tensor:
        """Squared error in units of the Gaussian denoiser's own, and the cross-entropy of the anchors' weights; mean of stages."""
        losses = []
        for module, task in zip(modules, self._tasks(generator, held_out=held_out, reached=True), strict=True):
            count, stage, gaussian = len(task.target), task.stage, task.stage.gaussian
            assert gaussian is not None and isinstance(module, MixtureDenoiser)
            dropped = torch.rand(count, generator=generator) < self.config.condition_dropout
            with torch.no_grad():
                mean = self._estimate(task, held_out=held_out)
                estimated = gaussian.prepare(task.condition, task.source, 1.0, dropped, mean)
            run = module.prepare(
                estimated, task.condition, task.anchors, task.bank, dropped, task.belief, task.among, task.visible, task.place
            )  # fmt: skip
            drawn = stage.path.draw(
                task.target, task.source, stage.alphas_cumprod, generator, warm_start_share=self.config.warm_start_share,
                exact_share=EXACT_SHARE,
            )  # fmt: skip
            shares = stage.path.shares(stage.alphas_cumprod[drawn.timesteps], drawn.source_share)
            x_0, log_weights, _ = module.estimate(drawn.x_t, module.embed_time(drawn.timesteps), shares, run)
            a, noise, variance = shares.target, shares.variance, estimated.variance
            unit = variance * noise / (a.square() * variance + noise)
            squared = ((x_0 - task.target).square() / unit).mean()
            if held_out:
                losses.append(squared)
            else:
                losses.append(squared + self.config.anchor_weight * nll_loss(log_weights, task.anchor + 1))
        return torch.stack(losses).mean()
