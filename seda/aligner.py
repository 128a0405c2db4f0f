"""Aligner: the two stages in order, from image features to class texts, and its file form.

An aligner is a folder with

    aligner.safetensors   weights, scalers, category centers, reference features
    map-*.safetensors     frozen maps (seda.projection), fitted to this aligner
    card.json             configuration, classes, encoder fingerprint, data, metrics, versions, sha256 of the files
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import seda
from seda.array_layout import ArrayLayout
from seda.card import DEFAULT_ALIGNER, AlignerCard, find_aligner, read_card, write_card
from seda.config import ModelConfig, SamplingConfig
from seda.device import check_device
from seda.diffusion.sampling import DenoisingPath, StepEvent
from seda.errors import FileFormatError, FingerprintError, ShapeError
from seda.evaluation.maps import thinning
from seda.journeys.settings import TraceSettings
from seda.journeys.trajectory import Trajectory
from seda.models.scaler import FeatureScaler
from seda.stages import SemanticLearner, SemanticTranslator
from seda.storage import ArrayInfo, fingerprint, read_arrays, write_arrays

WEIGHTS_FILE = "aligner.safetensors"
# what `ReferenceFeatures` holds; f and v pictures whose paths are fitted to and scored on
REFERENCE_LAYOUT = ArrayLayout(
    {
        r"reference\.texts": ("F", "c p d"), r"reference\.features": ("F", "m d"), r"reference\.labels": ("I", "m"),
        r"reference\.fit_images": ("F", "f D"), r"reference\.held_out_images": ("F", "v D"),
    },
    {"p": 1000, "m": 100_000, "f": 100_000, "v": 100_000},
    optional=False,
)  # fmt: skip
_LOADED_AS = {"float16": np.float32, "int16": np.int64}
MAX_WEIGHTS = (
    20_000_000  # of candidates in all estimates, that a trace keeps; chosen here: 80 MB for as long as it runs
)
ANSWERED_AT_ONCE = (
    1_024  # items that `classify` has in memory at a time; chosen here: more gives no time, their states take 90 MB
)
MAX_SAMPLE = 2_000  # reference features that neighbours are looked for among; beyond, every k-th is one


@dataclass(frozen=True)
class ReferenceFeatures:
    """What a map of this aligner is fitted to and scored on, kept with it so that a map can be fitted again from its folder.

    Where no picture was trained on, prompts with noise stand in for training images (`seda.training.words_alone`).

    Attributes:
        features: scaled features [m, d] of training images, the map's clouds.
        labels: their category [m].
        texts: class text features [c, t, d] as the encoder gave them, t phrasings of each class, the shown one first.
        fit_images: image features [p, D] of training images, whose paths the map is fitted to.
        held_out_images: image features [q, D] of validation images, whose paths the map is scored on.
    """

    features: Tensor
    labels: Tensor
    texts: Tensor
    fit_images: Tensor
    held_out_images: Tensor

    @property
    def sample(self) -> slice:
        """Those of the m features that neighbours are looked for among and that have pictures: all, or evenly thinned."""
        return slice(None, None, thinning(len(self.features), MAX_SAMPLE))


def package_versions() -> dict[str, str]:
    """Versions that matter for repeating a result."""
    return {"seda": seda.__version__, "torch": torch.__version__.split("+")[0], "python": platform.python_version()}


class Aligner(nn.Module):
    """SeDA: visual features to category centers (stage 1) and on to class texts (stage 2).

    Shapes: n items, D width of image features, d width of text features and of the common space, c categories that
    the aligner was trained on, k class texts that a user chose.
    """

    class_centers: Tensor

    def __init__(self, config: ModelConfig, class_count: int, phrasings: int = 1) -> None:
        super().__init__()
        self.config = config
        power, unit = config.power, config.unit_features
        self.image_scaler = FeatureScaler(config.image_dim, config.dim, config.feature_norm, power=power, unit=unit)
        # differences in length say something about the class: the condition keeps them
        self.condition_scaler = FeatureScaler(
            config.image_dim, config.image_dim, config.image_dim**0.5, power=power, fixed_norm=False, unit=unit
        )
        self.text_scaler = FeatureScaler(config.dim, config.dim, config.feature_norm, power=1.0, unit=unit)
        self.learner = SemanticLearner(config, class_count)
        self.translator = SemanticTranslator(config, class_count, phrasings)
        self.register_buffer("class_centers", torch.zeros(class_count, config.dim))  # [c, d]

    @property
    def device(self) -> torch.device:
        """Where its weights are, and what it is given has to be."""
        return self.class_centers.device

    @torch.inference_mode()
    def align(
        self,
        image_features: Tensor,
        class_text_features: Tensor,
        sampling: SamplingConfig,
        *,
        item_seeds: Sequence[int] | None = None,
        on_step: Callable[[StepEvent], object] | None = None,
        answer_only: bool = False,
        keep_weights: bool = False,
        tell_fit: bool = True,
    ) -> Alignment:
        """Run both stages.

        Args:
            image_features: as the encoder gives them [n, D].
            class_text_features: as the encoder gives them [k, d]; any texts.
            sampling: how.
            item_seeds: one number per item for its noise; 0 .. n-1 where None.
            on_step: told of each step; return True to stop (raises errors.Stopped).
            answer_only: whether stages that the answer does not look at are left standing still.
            keep_weights: see `Stage.run`.
            tell_fit: whether an open vocabulary says how well the texts fit, for which it looks at all of its categories.
        Raises:
            ShapeError: widths do not fit, or there are fewer than two class texts.
        """
        if class_text_features.ndim != 2 or len(class_text_features) < 2:
            raise ShapeError(
                f"Class texts have shape {tuple(class_text_features.shape)}; expected [k >= 2, {self.config.dim}]."
            )
        sampling = sampling.settled(self.config)
        denoiser, guidance = sampling.denoiser, 1.0 if sampling.guidance is None else sampling.guidance
        item_seeds = range(len(image_features)) if item_seeds is None else item_seeds
        image_features = image_features.to(self.device, torch.float32)
        visual, condition = self.image_scaler(image_features), self.condition_scaler(image_features)
        texts = self.text_scaler(class_text_features.to(self.device, torch.float32))
        learner, translator, centers = self.learner, self.translator, self.class_centers

        belief, first, categories, fit = None, standing(visual), None, None
        if self.config.semantic_space:
            categories = learner.belief(condition, centers)
            belief = translator.belief(condition, categories, texts)
            fit = translator.fit(condition, categories, texts) if tell_fit else None
            if not answer_only or float(translator.prior.residual_share) > 0:
                prepared = learner.prepared(denoiser, condition, visual, centers, texts, guidance, categories)
                first = learner.run(prepared, sampling, item_seeds, on_step, keep_weights=keep_weights)
        semantic = first.states[:, -1]
        second = standing(semantic)
        # the answer: the translator's belief without guidance, calibrated on validation data
        answer = translator.prior(translator.condition(condition, semantic), texts, belief).log_softmax(-1)
        if not answer_only:
            reached = learner.reached(semantic, centers) if denoiser == "learned" and belief is not None else None
            prepared = translator.prepared(denoiser, condition, semantic, texts, guidance, answer, reached)
            second = translator.run(prepared, sampling, item_seeds, on_step, keep_weights=keep_weights)
        return Alignment(visual, first, second, answer.exp(), texts, categories, fit)

    def classify(
        self,
        image_features: Tensor,
        class_text_features: Tensor,
        sampling: SamplingConfig,
        *,
        item_seeds: Sequence[int] | None = None,
        tell_fit: bool = True,
    ) -> Tensor:
        """Class probabilities [n, k], those of `align`, without the steps that have no part in them; ANSWERED_AT_ONCE items at a time."""
        item_seeds = range(len(image_features)) if item_seeds is None else item_seeds
        options: dict[str, Any] = {"answer_only": True, "tell_fit": tell_fit}
        answers = []
        for first in range(0, max(len(image_features), 1), ANSWERED_AT_ONCE):
            part = slice(first, first + ANSWERED_AT_ONCE)
            run = self.align(
                image_features[part], class_text_features, sampling, item_seeds=item_seeds[part], **options
            )
            answers.append(run.class_probabilities)
        return torch.cat(answers)

    def save(self, folder: Path | str, card: AlignerCard, reference: ReferenceFeatures) -> Path:
        """Write weights and card; weights are expected to be exact in half precision (see training).

        Raises:
            StorageError: the disk is full or the folder cannot be written.
        """
        folder = Path(folder)
        arrays = {name: value.cpu().numpy() for name, value in self.state_dict().items()}
        for name, value in arrays.items():
            half = value.astype(np.float16)
            if value.dtype == np.float32 and np.array_equal(half.astype(np.float32), value):
                arrays[name] = half
        for field in fields(reference):
            value = getattr(reference, field.name).cpu().numpy()
            arrays[f"reference.{field.name}"] = value.astype(np.int16 if field.name == "labels" else np.float16)
        write_arrays(folder / WEIGHTS_FILE, arrays)
        return write_card(folder, card)


def standing(features: Tensor) -> DenoisingPath:
    """The path of a stage that is not run: it ends where it begins [n, d]."""
    return DenoisingPath(features[:, None], features[:, None], (0,))


@dataclass(frozen=True)
class Alignment:
    """Both stages' runs for n items, as tensors on the aligner's device.

    Attributes:
        visual: scaled visual features [n, d].
        learner: stage 1.
        translator: stage 2.
        class_probabilities: [n, k].
        class_texts: scaled class text features [k, d].
        categories: stage 1's log p(category | v) [n, c]; None without a stage 1.
        fit: how far the best class text is above what counts as fitting [n], nats, negative where none of them fits; None
            where the vocabulary is closed and that is not known, or nobody asked.
    """

    visual: Tensor
    learner: DenoisingPath
    translator: DenoisingPath
    class_probabilities: Tensor
    class_texts: Tensor
    categories: Tensor | None = None
    fit: Tensor | None = None

    def nearest_text(self, step: int) -> Tensor:
        """Index [n] of the class text with the largest cosine to stage 2's states at a step; -1 is the last."""
        normalize = nn.functional.normalize
        cosines = normalize(self.translator.states[:, step], dim=1) @ normalize(self.class_texts, dim=1).T
        return cosines.argmax(1)


def _weights_of(run: Alignment, shown: Sequence[int]) -> dict[str, Any]:
    """What a trajectory says of its states beside where they are, by name; nothing where it was not kept.

    Args:
        shown: indices of the category centers that the trajectory has.
    """
    first, second = run.learner, run.translator
    if first.shares is None or first.weights is None or second.shares is None or second.weights is None:
        return {}
    made = torch.cat([first.shares.new_tensor([[0.0, 1.0, 0.0]]), first.shares, second.shares])
    n, s, k = len(run.visual), len(made), len(run.class_texts)
    centers, texts = np.zeros((n, s, len(shown)), np.float16), np.zeros((n, s, k), np.float16)
    begun = 1 + first.weights.shape[1] + 1  # the state at which stage 2 looks first
    if first.weights.shape[2]:  # the denoiser "gaussian" weighs nothing
        centers[:, 1 : begun - 1] = first.weights[:, :, list(shown)].cpu().numpy()
        texts[:, begun:-1] = second.weights.cpu().numpy()
    return {"shares": made.cpu().numpy(), "center_weights": centers, "text_weights": texts}


@dataclass(frozen=True, eq=False)
class PretrainedAligner:
    """An aligner with its card and its reference features, as loaded from a folder."""

    aligner: Aligner
    card: AlignerCard
    reference: ReferenceFeatures
    folder: Path

    @cached_property
    def fingerprint(self) -> str:
        """Of the space that maps are fitted to: the same after saving and loading."""
        spaces = {"class_centers": self.aligner.class_centers, "reference": self.reference.features}
        return fingerprint({name: value.cpu().numpy() for name, value in spaces.items()})

    def trace(
        self,
        image_features: Tensor,
        class_text_features: Tensor,
        item_names: Sequence[str],
        class_names: Sequence[str],
        sampling: SamplingConfig,
        *,
        item_seeds: Sequence[int] | None = None,
        template: str | None = None,
        on_step: Callable[[StepEvent], object] | None = None,
    ) -> Trajectory:
        """Run both stages and keep every state; see `Aligner.align`.

        The template is the one that the class texts were put into, None for the aligner's own; it is only written down.
        """
        item_seeds = range(len(image_features)) if item_seeds is None else item_seeds
        sampling = sampling.settled(self.aligner.config)
        count, steps = len(image_features), 2 * sampling.num_inference_steps + 3
        keeps = count * steps * (len(self.card.class_names) + len(class_names)) <= MAX_WEIGHTS
        run = self.aligner.align(
            image_features, class_text_features, sampling, item_seeds=item_seeds, on_step=on_step, keep_weights=keeps
        )
        paths = (run.learner, run.translator)
        shown = self._shown_centers(run)
        visual = run.visual.unsqueeze(1)  # [n, 1, d]
        stages = [0] + [stage for stage, path in enumerate(paths, 1) for _ in path.timesteps]
        timesteps = [0] + [t for path in paths for t in path.timesteps]
        return Trajectory(
            states=torch.cat([visual, *(path.states for path in paths)], 1).cpu().numpy(),
            x_0=torch.cat([visual, *(path.x_0 for path in paths)], 1).cpu().numpy(),
            stages=np.array(stages, dtype=np.int8),
            timesteps=np.array(timesteps, dtype=np.int16),
            class_probabilities=run.class_probabilities.cpu().numpy(),
            class_text_features=run.class_texts.cpu().numpy(),
            class_centers=self.aligner.class_centers[shown].cpu().numpy(),
            image_features=image_features.to(torch.float32).cpu().numpy(),
            item_seeds=np.array(item_seeds, dtype=np.int64),
            item_names=tuple(item_names),
            class_names=tuple(class_names),
            center_names=tuple(self.card.class_names[index] for index in shown),
            settings=TraceSettings(
                aligner=self.card.name,
                encoder=self.card.encoder,
                encoder_fingerprint=self.card.encoder_fingerprint,
                template=self.card.template if template is None else template,
                sampling=sampling,
                scale=self.card.model.feature_norm,
                versions=package_versions(),
                vocabulary="open" if self.card.model.words else "",
                center_indices=tuple(shown) if self.card.model.words else (),
                hints=() if run.fit is None else tuple(self.hints(run)),
                fits=() if run.fit is None else tuple(round(fit, 3) for fit in run.fit.tolist()),
            ),
            **_weights_of(run, shown),
        )

    def hints(self, run: Alignment) -> list[str]:
        """For each item the name of its most probable category where none of the class texts fits, else "" [n]."""
        if run.fit is None or run.categories is None:
            return [""] * len(run.class_probabilities)
        found = run.categories.argmax(1).tolist()
        return [
            self.card.class_names[index] if fit < 0 else "" for index, fit in zip(found, run.fit.tolist(), strict=True)
        ]

    def _shown_centers(self, run: Alignment) -> list[int]:
        """Indices of the category centers that belong to these paths: all, or those next to a hand-over.

        A thousand centers would cover the map, and say nothing.
        """
        centers = self.aligner.class_centers
        if not self.card.model.words:
            return list(range(len(centers)))
        nearest = torch.cdist(run.learner.states[:, -1], centers).argmin(1)
        return sorted(set(nearest.tolist()))

    def check_encoder(self, name: str, fingerprint: str) -> None:
        """Refuse features of another encoder.

        Raises:
            FingerprintError: names both encoders.
        """
        if fingerprint != self.card.encoder_fingerprint:
            raise FingerprintError(
                f"The aligner {self.card.name!r} was trained on features of {self.card.encoder!r} "
                f"({self.card.encoder_fingerprint}); these come from {name!r} ({fingerprint}).",
                remedy="Use the aligner's own encoder, or train an aligner for this one with `python -m seda train`.",
            )


def _empty_aligner(folder: Path, card: AlignerCard, infos: Mapping[str, ArrayInfo]) -> Aligner:
    """The aligner that a card describes, without memory, compared with its file's header before memory is taken for either.

    Raises:
        FileFormatError: they do not fit; names an array.
    """
    try:
        kept = {name: info for name, info in infos.items() if name.startswith("reference.")}
        sizes = REFERENCE_LAYOUT.check(
            kept, {"c": len(card.class_names), "d": card.model.dim, "D": card.model.image_dim}
        )
        with torch.device("meta"):  # sizes without memory
            aligner = Aligner(card.model, sizes["c"], sizes["p"])
        expected = aligner.state_dict()
        for name in (*expected, *(set(infos) - set(kept))):
            came = infos[name].shape if name in infos else "none"
            if name not in expected or tuple(expected[name].shape) != came:
                wanted = list(expected[name].shape) if name in expected else "none"
                raise ValueError(f"{name} is {came if came == 'none' else list(came)}, {wanted} is needed")
    except (ValueError, RuntimeError, AssertionError) as error:
        raise _do_not_fit(folder, error) from error
    return aligner


def _check_values(folder: Path, arrays: Mapping[str, np.ndarray], card: AlignerCard) -> None:
    """
    Raises:
        FileFormatError: a number is not finite, or an index points nowhere; names the array.
    """
    categories = len(card.class_names)
    ranges = {"reference.labels": categories, "members": max(card.model.words, 1), "steps": 1000}
    for name, values in arrays.items():
        most = ranges.get(name) or ranges.get(name.rpartition(".")[2])
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise _do_not_fit(folder, f"{name} holds values that are not finite")
        if most and values.size and (values.min() < 0 or values.max() >= most):
            raise _do_not_fit(folder, f"{name} holds indices beyond {most - 1}")


def _do_not_fit(folder: Path, error: Exception | str) -> FileFormatError:
    return FileFormatError(
        f"The weights in {folder} do not fit their card ({error!s:.300}).", remedy="Train the aligner again."
    )


def load_aligner(
    name_or_dir: str | Path = DEFAULT_ALIGNER, device: str | torch.device = "cpu", *, check_maps: bool = True
) -> PretrainedAligner:
    """Load an aligner: weights in eval mode, read-only. Its maps are checked too, unless they will be replaced.

    Raises:
        AlignerError: there is none of that name.
        ConfigError: the device is not known, or not there.
        FileFormatError: a file is damaged or of another version.
    """
    check_device(str(device))
    folder = find_aligner(name_or_dir)
    card = read_card(folder, check_maps=check_maps)
    empty: list[Aligner] = []  # one that waits for its weights: what it would begin with is not drawn
    arrays, _ = read_arrays(folder / WEIGHTS_FILE, lambda infos, _: empty.append(_empty_aligner(folder, card, infos)))
    _check_values(folder, arrays, card)
    tensors = {
        name: torch.from_numpy(value.astype(_LOADED_AS.get(value.dtype.name, value.dtype)))
        for name, value in arrays.items()
    }
    try:
        kept = {field.name: tensors.pop(f"reference.{field.name}") for field in fields(ReferenceFeatures)}
        (aligner,) = empty
        expected = aligner.state_dict()
        aligner.load_state_dict({name: value.to(expected[name].dtype) for name, value in tensors.items()}, assign=True)
    except (KeyError, RuntimeError) as error:
        raise _do_not_fit(folder, error) from error
    aligner.eval().requires_grad_(False).to(device)
    reference = ReferenceFeatures(**{name: value.to(device) for name, value in kept.items()})
    return PretrainedAligner(aligner, card, reference, folder)
