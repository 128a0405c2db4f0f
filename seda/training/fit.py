"""The training loop of both stages."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from seda.aligner import Aligner
from seda.card import CHECKPOINT_FILE
from seda.config import ModelConfig, TrainingConfig
from seda.errors import ConfigError, DataError, Stopped
from seda.evaluation.classification import expected_calibration_error, negative_log_likelihood, top1_accuracy
from seda.models.denoiser import Candidates, ClassPrior
from seda.stages.semantic_translator import LOOSE_NEARNESS
from seda.stages.stage import Stage
from seda.storage import fingerprint
from seda.training.augmentation import Mixup, noised
from seda.training.checkpoint import read_checkpoint, write_checkpoint
from seda.training.closed_form import fit_center_posterior
from seda.training.denoisers import Report, train_denoisers
from seda.training.history import Epoch, best_epoch
from seda.training.losses import alignment_loss, soft_cross_entropy
from seda.training.pairs import LabelledPairs

TEMPERATURES = np.geomspace(0.25, 4.0, 81)
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the network's part in a prior


class Space(TypedDict):
    """How images and texts lie to each other, as ModelConfig takes it."""

    unit_features: bool
    zero_shot: bool


@dataclass(frozen=True)
class TrainingSet:
    """Features to train on. The test split never comes here.

    Attributes:
        image_features: float32 [n, D], as the encoder gives them.
        labels: int64 [n].
        class_text_features: float32 [c, p, d]: p phrasings of each class; the first is the one that is shown.
        image_text_features: float32 [n, d], of each image's own text; None where there are none.
        shared_space: whether the encoder was trained on pairs, so that a cosine between image and text means something.
    """

    image_features: Tensor
    labels: Tensor
    class_text_features: Tensor
    image_text_features: Tensor | None = None
    shared_space: bool = False

    @property
    def space(self) -> Space:
        """What a ModelConfig has to say of how images and texts lie to each other."""
        one_width = self.image_features.shape[1] == self.class_text_features.shape[2]
        # activations that are never negative are bent first, and then a cosine is not linear in them
        shared = self.shared_space and one_width and bool((self.image_features < 0).any())
        return {"unit_features": shared, "zero_shot": shared}

    def __post_init__(self) -> None:
        classes = len(self.class_text_features)
        if len(self.image_features) != len(self.labels):
            raise DataError(f"{len(self.image_features)} features came with {len(self.labels)} labels.")
        if not torch.isfinite(self.image_features).all():
            raise DataError(
                "Some training features are not finite.", remedy="Look for damaged images and encode again."
            )
        counts = torch.bincount(self.labels, minlength=classes)
        if len(counts) > classes or classes < 2 or int(counts.min()) < 2:
            raise DataError(
                f"Training needs at least two classes with two images each; counts are from {int(counts.min())} to "
                f"{int(counts.max())} in {len(counts)} classes for {classes} texts."
            )


@dataclass(frozen=True)
class TrainingEvent:
    """What `on_epoch` is told after each epoch; validation figures are fractions or nats. Epochs count from 1.

    `history` holds every epoch so far, those of before a stop too.
    """

    epoch: int
    max_epochs: int
    training_loss: float
    validation_nll: float
    validation_accuracy: float
    best_epoch: int
    history: tuple[Epoch, ...] = ()


@dataclass(frozen=True)
class TrainingResult:
    """A trained aligner in eval mode, its validation figures, whether it was stopped by the caller, and what its denoisers see."""

    aligner: Aligner
    metrics: dict[str, float]
    stopped: bool
    pairs: LabelledPairs


def split_validation(labels: Tensor, share: float, seed: int) -> tuple[Tensor, Tensor]:
    """Indices of training and validation items, the same share of every class, at least one item of each on both sides."""
    generator = torch.Generator().manual_seed(seed)
    training, validation = [], []
    for label in labels.unique():
        members = torch.nonzero(labels == label).flatten()
        members = members[torch.randperm(len(members), generator=generator)]
        held_out = min(max(1, round(len(members) * share)), len(members) - 1)
        validation.append(members[:held_out])
        training.append(members[held_out:])
    return torch.cat(training).sort().values, torch.cat(validation).sort().values


def fit_aligner(
    data: TrainingSet,
    config: TrainingConfig,
    model: ModelConfig | None = None,
    *,
    split: tuple[Tensor, Tensor] | None = None,
    checkpoint_dir: Path | str | None = None,
    checkpoint_seconds: float = 0.0,
    on_epoch: Callable[[TrainingEvent], object] | None = None,
    on_batch: Callable[[int, int, int], object] | None = None,
    on_denoiser: Report | None = None,
    train_further: bool = True,
) -> TrainingResult:
    """Train both stages on features, on the CPU.

    Early stopping and the temperature look at a validation split only. With a checkpoint_dir, every epoch is saved and
    a second call with the same data and settings goes on where the first one ended, with the same result as if it had
    never been interrupted: every epoch's randomness has a seed of its own.

    Args:
        data: features; the two stages' scalers, centers and networks are fitted to its training part.
        config: how.
        model: sizes; taken from the data where None.
        split: indices of training and validation items, every class in both; drawn with the config's seed where None.
        checkpoint_dir: where to save progress.
        checkpoint_seconds: between two checkpoints, at least; the last epoch always has one. 0 saves every epoch, which takes
            longer than an epoch on few images.
        on_epoch: called after each epoch; return True to stop and keep the best epoch so far.
        on_batch: called after each batch with (epoch from 1, batches done in it, of how many); return True to leave at once.
        on_denoiser: told of the denoisers' training, which follows the epochs where the model has others than the closed form.
        train_further: False trains no epoch beyond those of the checkpoint and takes the best of them; without one, one epoch.
    Raises:
        DataError: features are not finite, or a class has fewer than two images.
        FileFormatError: the checkpoint belongs to another training.
        Stopped: on_batch or on_denoiser returned True; what was finished is in the checkpoint.
    """
    model = _fitting(data, model, config)
    training, validation = split or split_validation(data.labels, config.validation_share, config.seed)
    trainer = _Trainer(data, config, model, training, validation)
    folder = None if checkpoint_dir is None else Path(checkpoint_dir)
    course = _Course(trainer, folder, checkpoint_seconds, _identity(data, config, model, split))
    stopped = bool(course.history) and not train_further
    while not stopped and not course.is_over:
        event = course.run_epoch(on_batch)
        stopped = bool(on_epoch and on_epoch(event)) or not train_further
    aligner = trainer.finish(course.best)
    pairs = trainer.pairs()
    metrics = trainer.validation_metrics() | {
        "validation_count": len(validation),
        "training_count": len(training),
        "epochs": len(course.history),
        "best_epoch": best_epoch(course.history) + 1,
        **train_denoisers(aligner, pairs, config, checkpoint_dir=folder, on_progress=on_denoiser),
    }
    return TrainingResult(aligner, metrics, stopped, pairs)


def _fitting(data: TrainingSet, model: ModelConfig | None, config: TrainingConfig) -> ModelConfig:
    """The sizes of the data, or those that were asked for, where they are the same."""
    image_dim, text_dim = data.image_features.shape[1], data.class_text_features.shape[2]
    model = model or ModelConfig(
        dim=text_dim, image_dim=image_dim, path=config.path, denoiser=config.denoiser, **data.space
    )
    if (model.image_dim, model.dim) != (image_dim, text_dim):
        raise ConfigError(
            f"The model is made for widths {model.image_dim} and {model.dim}, not {image_dim} and {text_dim}."
        )
    return model


def _identity(
    data: TrainingSet, config: TrainingConfig, model: ModelConfig, split: tuple[Tensor, Tensor] | None
) -> str:
    """The same for a training that would come to the same."""
    arrays = (*(split or ()), data.image_text_features)
    return fingerprint(
        [
            config.to_dict(),
            model.to_dict(),
            data.image_features.numpy(),
            data.labels.numpy(),
            data.class_text_features.numpy(),
            *(part.numpy() for part in arrays if part is not None),
        ]
    )


class _Course:
    """The epochs so far, the best weights among them, and the checkpoint that keeps both.

    Raises:
        FileFormatError: the checkpoint belongs to another training.
    """

    def __init__(self, trainer: _Trainer, folder: Path | None, seconds: float, identity: str) -> None:
        self._trainer, self._folder, self._seconds, self._identity = trainer, folder, seconds, identity
        config = trainer.config
        self._optimizer = torch.optim.AdamW(
            trainer.aligner.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.history: list[Epoch] = []
        self.best = trainer.weights()
        self._saved_at = float("-inf")
        if folder is not None and (folder / CHECKPOINT_FILE).is_file():
            self.best, progress = read_checkpoint(folder / CHECKPOINT_FILE, trainer.aligner, self._optimizer, identity)
            self.history = [Epoch.from_dict(values) for values in progress["history"]]

    @property
    def is_over(self) -> bool:
        config, history = self._trainer.config, self.history
        return len(history) >= config.max_epochs or _epochs_without_gain(history) >= config.patience

    def run_epoch(self, on_batch: Callable[[int, int, int], object] | None) -> TrainingEvent:
        epoch = len(self.history)
        loss = self._trainer.run_epoch(self._optimizer, epoch, on_batch)
        nll, accuracy = self._trainer.validate()
        self.history.append(Epoch(loss, nll, accuracy))
        if best_epoch(self.history) == epoch:
            self.best = self._trainer.weights()
        if self._folder is not None and (self.is_over or time.monotonic() - self._saved_at >= self._seconds):
            progress = {"identity": self._identity, "history": [one.to_dict() for one in self.history]}
            write_checkpoint(
                self._folder / CHECKPOINT_FILE, self._trainer.aligner, self.best, self._optimizer, progress
            )
            self._saved_at = time.monotonic()
        best, history = best_epoch(self.history) + 1, tuple(self.history)
        return TrainingEvent(epoch + 1, self._trainer.config.max_epochs, loss, nll, accuracy, best, history)


def _epochs_without_gain(history: Sequence[Epoch]) -> int:
    return len(history) - 1 - best_epoch(history) if history else 0


class _Trainer:
    """The fixed parts of one training: data in scaled units, and the aligner under training."""

    def __init__(
        self, data: TrainingSet, config: TrainingConfig, model: ModelConfig, training: Tensor, validation: Tensor
    ) -> None:
        self.config, self.model = config, model
        self.labels, self.validation_labels = data.labels[training], data.labels[validation]
        with torch.random.fork_rng(devices=[]):  # nn's initialisers know only the global generator: lend it, seeded
            torch.manual_seed(config.seed)
            self.aligner = Aligner(model, *data.class_text_features.shape[:2])
        aligner = self.aligner
        features = data.image_features[training]
        aligner.image_scaler.fit(features)
        aligner.condition_scaler.fit(features)
        phrases = data.class_text_features
        aligner.text_scaler.fit(phrases.flatten(0, 1))
        self.visual, self.condition = aligner.image_scaler(features), aligner.condition_scaler(features)
        held_out = data.image_features[validation]
        self.validation_visual, self.validation_condition = (
            aligner.image_scaler(held_out), aligner.condition_scaler(held_out)
        )  # fmt: skip
        self.phrases = aligner.text_scaler(phrases.flatten(0, 1)).view(phrases.shape)  # [c, p, d]
        own = data.image_text_features
        self.own_texts: Tensor | None = None if own is None else aligner.text_scaler(own[training])  # [n, d]
        self.validation_own_texts: Tensor | None = (
            None if own is None else aligner.text_scaler(own[validation])
        )  # [m, d]
        aligner.translator.category_texts.copy_(self.phrases)
        if own is not None:
            aligner.translator.log_nearness.data.fill_(float(np.log(LOOSE_NEARNESS)))
        for label in range(len(phrases)):
            center = self.visual[self.labels == label].mean(0)
            # centers share the norm of features, or stage 2 would begin in another range of values
            aligner.class_centers[label] = torch.nn.functional.normalize(center, dim=0) * model.feature_norm
        self.condition_std = self.condition.std(0)
        # what the closed form says of each training image that it has not seen [n, c]
        self.belief = fit_center_posterior(
            aligner.learner.center_posterior, self.condition, self.labels, self.validation_condition,
            self.validation_labels, seed=config.seed, zero_shot=self._zero_shot(phrases) if model.zero_shot else None,
        ) if model.semantic_space else None  # fmt: skip

    def _zero_shot(self, phrases: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Weight [D, c] and bias [c] on scaled features of the cosines to the mean of each class's phrasings [c, p, d]."""
        normalize, scaler = torch.nn.functional.normalize, self.aligner.condition_scaler
        texts = normalize(normalize(phrases, dim=2).mean(1), dim=1)
        stretched = scaler.scale / scaler.typical_norm  # a feature of length 1 is condition / stretched + mean
        weight = texts.T / stretched
        return weight.double().numpy(), (texts @ scaler.mean).double().numpy()

    def weights(self) -> dict[str, Tensor]:
        return {name: value.clone() for name, value in self.aligner.state_dict().items()}

    def run_epoch(
        self,
        optimizer: torch.optim.Optimizer,
        epoch: int,
        on_batch: Callable[[int, int, int], object] | None = None,
    ) -> float:
        """One pass over the training data. Returns its mean loss.

        Raises:
            Stopped: on_batch returned True.
        """
        config = self.config
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + epoch + 1)
        order = torch.randperm(len(self.labels), generator=generator)
        batches = order.split(config.batch_size)
        if len(batches) > 1 and len(batches[-1]) < 2:
            batches = batches[:-1]
        total = 0.0
        self.aligner.train()
        with torch.random.fork_rng(devices=[]):  # dropout knows only the global generator
            torch.manual_seed(config.seed * 1_000_003 + epoch + 1)
            for index, batch in enumerate(batches):
                progress = (epoch + index / len(batches)) / config.max_epochs
                for group in optimizer.param_groups:
                    group["lr"] = config.learning_rate * 0.5 * (1 + np.cos(np.pi * progress))
                optimizer.zero_grad(set_to_none=True)
                loss = self.loss(batch, generator)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(self.aligner.parameters(), 1.0)
                optimizer.step()
                total += float(loss.detach()) * len(batch)
                if on_batch is not None and on_batch(epoch + 1, index + 1, len(batches)):
                    raise Stopped
        self.aligner.eval()
        return total / len(order)

    def loss(self, batch: Tensor, generator: torch.Generator) -> Tensor:
        """Both stages' losses on one batch of training indices."""
        labels, aligner = self.labels[batch], self.aligner
        phrase = torch.randint(self.phrases.shape[1], (len(self.phrases),), generator=generator)
        texts = self.phrases[torch.arange(len(phrase)), phrase]  # [c, d], one phrasing of each class
        condition = noised(self.condition[batch], self.condition_std, self.config.feature_noise, generator)
        blend = Mixup.drawn(len(batch), self.config.mixup, generator)
        mixed, partner, share = blend(condition), blend.partner, blend.share

        loss, semantic = torch.zeros(()), self.visual[batch]
        carried = carried_mixed = None
        if self.belief is not None:
            learner, centers, belief = aligner.learner, aligner.class_centers, self.belief[batch]
            logits = learner.prior(mixed, centers, blend(belief))
            loss = soft_cross_entropy(logits, labels, labels[partner], share)
            candidates = learner.candidates(condition, self.visual[batch], centers, texts, 1.0, belief)
            estimate = self._estimate(learner, candidates, labels, generator)
            loss = loss + alignment_loss(
                estimate, centers, labels, self.model.feature_norm, squared_weight=self.config.center_weight
            )
            semantic = self._semantic(belief, generator)
            carried, carried_mixed = candidates.log_prior, logits.detach().log_softmax(-1)

        texts, target = self._candidate_texts(batch, texts, generator)
        inside = target >= 0
        if not inside.any():
            return loss
        translator = aligner.translator
        if carried is not None and carried_mixed is not None:  # both or neither
            carried, carried_mixed = (translator.carry_over(part, texts) for part in (carried, carried_mixed))
        both = inside & inside[partner]
        if both.any():
            given = translator.condition(mixed, blend(semantic))
            logits = translator.prior(given[both], texts, None if carried_mixed is None else carried_mixed[both])
            loss = loss + soft_cross_entropy(logits, target[both], target[partner][both], share[both])
        candidates = translator.candidates(
            condition[inside], semantic[inside], texts, 1.0, None if carried is None else carried[inside]
        )
        estimate = self._estimate(translator, candidates, target[inside], generator)
        return loss + alignment_loss(estimate, texts, target[inside], self.model.feature_norm)

    def _semantic(self, log_prior: Tensor, generator: torch.Generator) -> Tensor:
        """Where stage 1 ends: a center by its probability, or any other so that stage 2 keeps looking at v."""
        centers = self.aligner.class_centers
        drawn = torch.multinomial(log_prior.exp(), 1, generator=generator).flatten()
        other = torch.randint(len(centers), drawn.shape, generator=generator)
        swap = torch.rand(len(drawn), generator=generator) < self.config.center_swap
        return centers[torch.where(swap, other, drawn)]

    def _candidate_texts(self, batch: Tensor, texts: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Candidates of stage 2 [k, d], and which of them belongs to each image of the batch [n], -1 for none.

        Where images have texts of their own, half of the time those of the batch. Else any list of classes: all, or half
        of the time a random part.
        """
        if self.own_texts is not None and torch.rand((), generator=generator) < 0.5:
            return torch.unique(self.own_texts[batch], dim=0, return_inverse=True)
        chosen = self._class_subset(generator)
        place = torch.full((len(texts),), -1)
        place[chosen] = torch.arange(len(chosen))
        return texts[chosen], place[self.labels[batch]]

    def _estimate(self, stage: Stage, run: Candidates, target: Tensor, generator: torch.Generator) -> Tensor:
        """x_0 estimates at random states of runs from the sources to their targets."""
        share = self.config.warm_start_share
        drawn = stage.path.draw(
            run.anchors[target], run.source, stage.alphas_cumprod, generator, warm_start_share=share
        )
        alpha_bar, alpha_bar_start = (stage.alphas_cumprod[t] for t in (drawn.timesteps, drawn.start))
        return stage(drawn.x_t, stage.embed_time(drawn.timesteps), alpha_bar, alpha_bar_start, run).x_0

    def _class_subset(self, generator: torch.Generator) -> Tensor:
        """All classes, or (half of the time) two or more of them; sorted indices."""
        count = len(self.phrases)
        if count > 2 and torch.rand((), generator=generator) < 0.5:
            size = int(torch.randint(2, count, (1,), generator=generator))
            return torch.randperm(count, generator=generator)[:size].sort().values
        return torch.arange(count)

    def pairs(self) -> LabelledPairs:
        """What the denoisers are trained on, the validation items held out. Once the epochs are over."""
        learner, count = self.aligner.learner, len(self.labels)
        held_out = learner.center_posterior(self.validation_condition)
        own = None
        if self.own_texts is not None and self.validation_own_texts is not None:
            own = torch.cat([self.own_texts, self.validation_own_texts])
        return LabelledPairs(
            torch.cat([self.visual, self.validation_visual]), torch.cat([self.condition, self.validation_condition]),
            torch.cat([self.labels, self.validation_labels]),
            torch.cat([held_out.new_zeros(count, held_out.shape[1]) if self.belief is None else self.belief, held_out]),
            self.phrases, own, torch.arange(count), count + torch.arange(len(held_out)), self.config.listed_share,
        )  # fmt: skip

    def learner_choice(self) -> Choice:
        """Validation images and the centers."""
        aligner, condition = self.aligner, self.validation_condition
        closed_form = aligner.learner.center_posterior(condition)
        return Choice(condition, aligner.class_centers, closed_form, self.validation_labels)

    @torch.no_grad()
    def translator_choices(self) -> list[Choice]:
        """Validation images at the center that stage 1 finds most probable, and the shown phrasing of each class.

        Where images have texts of their own, these are a second list.
        """
        aligner, translator, condition = self.aligner, self.aligner.translator, self.validation_condition
        belief, semantic = None, self.validation_visual
        if self.belief is not None:
            belief = aligner.learner.belief(condition, aligner.class_centers)
            semantic = aligner.class_centers[belief.argmax(1)]
        lists = [(self.phrases[:, 0], self.validation_labels)]
        if self.validation_own_texts is not None:
            lists.append(torch.unique(self.validation_own_texts, dim=0, return_inverse=True))
        condition = translator.condition(condition, semantic)
        return [
            Choice(condition, texts, None if belief is None else translator.carry_over(belief, texts), target)
            for texts, target in lists
        ]

    @torch.no_grad()
    def validation_metrics(self) -> dict[str, float]:
        """Of the answer, which the aligner gives as it is now."""
        probabilities = self.translator_choices()[0].logits(self.aligner.translator.prior).softmax(-1).numpy()  # [m, c]
        labels = self.validation_labels.numpy()
        return {
            "validation_top1_accuracy": top1_accuracy(probabilities, labels),
            "validation_nll": negative_log_likelihood(probabilities, labels),
            "validation_ece": expected_calibration_error(probabilities, labels),
        }

    @torch.no_grad()
    def validate(self) -> tuple[float, float]:
        """Mean validation negative log-likelihood (nats) over all that is chosen between, and stage 2's accuracy."""
        aligner, choices = self.aligner, self.translator_choices()
        losses = [choice.losses(aligner.translator.prior) for choice in choices]
        if self.belief is not None:
            losses.append(self.learner_choice().losses(aligner.learner.prior))
        answers = choices[0].logits(aligner.translator.prior)
        return float(torch.stack(losses).mean()), top1_accuracy(answers.numpy(), self.validation_labels.numpy())

    @torch.no_grad()
    def finish(self, best: dict[str, Tensor]) -> Aligner:
        """The best epoch's weights in half precision (so that a saved aligner equals this one), priors settled."""
        aligner = self.aligner
        aligner.load_state_dict({name: value.half().float() for name, value in best.items()})
        aligner.eval().requires_grad_(False)
        if self.belief is not None:
            settle_prior(aligner.learner.prior, [self.learner_choice()])
        settle_prior(aligner.translator.prior, self.translator_choices())
        return aligner


@dataclass(frozen=True)
class Choice:
    """Validation images and a list of candidates to choose from.

    Attributes:
        condition, candidates, belief: see `ClassPrior`.
        labels: the right candidates [n].
    """

    condition: Tensor
    candidates: Tensor
    belief: Tensor | None
    labels: Tensor

    def logits(self, prior: ClassPrior) -> Tensor:
        """[n, k]."""
        return prior(self.condition, self.candidates, self.belief)

    def losses(self, prior: ClassPrior) -> Tensor:
        """Negative log-likelihood of each image [n], nats."""
        return cross_entropy(self.logits(prior), self.labels, reduction="none")


@torch.no_grad()
def settle_prior(prior: ClassPrior, choices: Sequence[Choice]) -> None:
    """Choose how much of the network's part a prior keeps, and its temperature, on validation data.

    The share is the one with the lowest loss over all choices; but the belief alone is kept unless the network's gain is
    larger than its standard error, as a handful of validation images would confirm anything (Breiman et al. 1984, section
    3.4.3). The temperature looks at the first choice alone.

    Args:
        prior: in eval mode.
        choices: of the same n images, one or more.
    """
    if choices[0].belief is not None:
        losses = []
        for share in SHARES:
            prior.residual_share.fill_(share)
            losses.append(sum((choice.losses(prior) for choice in choices), torch.zeros(())))
        best = min(range(len(SHARES)), key=lambda index: float(losses[index].mean()))
        gain = losses[0] - losses[best]
        confirmed = float(gain.mean()) > float(gain.std()) / len(gain) ** 0.5
        prior.residual_share.fill_(SHARES[best] if confirmed else 0.0)
    logits = choices[0].logits(prior)
    cooled = [float(cross_entropy(logits / t, choices[0].labels)) for t in TEMPERATURES]
    prior.temperature.fill_(float(np.float16(TEMPERATURES[int(np.argmin(cooled))])))
