"""Settings as frozen dataclasses: every default with its unit and its source.

`to_dict` and `from_dict` are the JSON form of the cards that are saved beside weights; an unknown key is an error, so a
card of another version is noticed instead of half-read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, ClassVar, Self

from seda.errors import ConfigError


@dataclass(frozen=True)
class Sampler:
    """A way to go from one step to the next. The command line, the screen and `seda.diffusion.schedule` read it from here.

    Attributes:
        label: for the screen.
        help: what it does, for the screen; goes on after the label.
        scheduler: name of its class in diffusers; it must allow prediction_type "sample", and its `step` must take the states as
            they come, in turn.
        options: of that class, beside those that all have.
        uses: settings of SamplingConfig that not every sampler uses.
    """

    label: str
    help: str
    scheduler: str
    options: Mapping[str, Any] = field(default_factory=dict)
    uses: tuple[str, ...] = ()


@dataclass(frozen=True)
class PathSettings:
    """What of a sampling counts on a kind of paths, see `PathFamily` in `seda.diffusion.paths`.

    Attributes:
        label: for the screen.
        help: what such paths are, for the screen; goes on after the label.
        ignores: settings of SamplingConfig that mean nothing on its paths.
        uses: settings that it uses whatever the sampler.
    """

    label: str
    help: str
    ignores: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()


SAMPLERS: dict[str, Sampler] = {
    "ddim": Sampler(
        "DDIM", "is smooth and repeatable", "DDIMScheduler", {"clip_sample": False, "set_alpha_to_one": True}, ("eta",)
    ),
    "ddpm": Sampler("DDPM", "adds fresh noise at every step", "DDPMScheduler", {"clip_sample": False}),
    "dpmsolver++": Sampler(
        "DPM-Solver++", "needs the fewest steps", "DPMSolverMultistepScheduler",
        {"algorithm_type": "dpmsolver++", "final_sigmas_type": "zero"},
    ),
}  # fmt: skip
PATH_FAMILIES: dict[str, PathSettings] = {
    "conditional": PathSettings("Through noise", "begins at the noised picture and removes the noise"),
    "bridge": PathSettings(
        "Brownian bridge",
        "begins at the picture itself, with most noise half-way",
        ignores=("sampler", "strength"),
        uses=("eta",),
    ),
}


@dataclass(frozen=True)
class DenoiserKind:
    """What predicts a clean feature from a noisy one.

    Attributes:
        label: for the screen.
        help: what it does, for the screen; goes on after the label.
        guidance: what `SamplingConfig.guidance` is where nobody chose it.
    """

    label: str
    help: str
    guidance: float


# each holds those before it: an aligner with the learned one can be run with any of them
DENOISERS: dict[str, DenoiserKind] = {
    "closed-form": DenoiserKind(
        "Closed form", "weighs centers and words by a belief that stands before the first step", 3.0
    ),
    "gaussian": DenoiserKind("One step and noise", "spreads around what one step says, without a network", 1.0),
    "learned": DenoiserKind("Learned", "is the network (PFIN), which may end near a word or away from all", 2.0),
}


def check_range(name: str, value: float, low: float, high: float) -> None:
    """
    Raises:
        ConfigError: the value is not within low..high, which are allowed both, or no number.
    """
    if not low <= value <= high:
        raise ConfigError(f"{name} is {value}; allowed is {low} to {high}.")


def check_name(what: str, name: str, known: Iterable[str]) -> None:
    """
    Raises:
        ConfigError: it is none of the known names.
    """
    if name not in (names := list(known)):
        raise ConfigError(f"The {what} {name!r:.60} is not known; allowed are {', '.join(names)}.")


@dataclass(frozen=True)
class Config:
    """Base of all settings: conversion to and from plain JSON values."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "allow_inf_nan": False}

    def to_dict(self) -> dict[str, Any]:
        """As a card holds it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build from JSON values.

        Raises:
            ConfigError: a key is unknown, or a value is of another type or outside its range.
        """
        from seda.schema import check  # pydantic, a tenth of a second that a wrong call need not wait for

        if not isinstance(values, Mapping):
            raise ConfigError(f"{cls.__name__} is {values!r:.60}; an object with settings is needed.")
        known = {one.name for one in fields(cls)}
        unknown = sorted(str(key) for key in set(values) - known)
        if unknown:
            raise ConfigError(f"{cls.__name__} got unknown settings {unknown[:10]}; known are {sorted(known)}.")
        return check(cls, dict(values), cls.__name__, error=ConfigError)


@dataclass(frozen=True)
class SamplingConfig(Config):
    """How a trajectory is drawn; the controls of the trajectories page.

    Attributes:
        sampler: a name of SAMPLERS: "ddim" (deterministic at eta 0), "ddpm" (ancestral noise) or "dpmsolver++" (second order).
        num_inference_steps: denoising steps of each of the two stages.
        strength: share of the noise schedule that is run, 0 < strength <= 1. Each stage starts from its source noised to
            this level: at 1 from pure noise. Chosen here: .6 keeps the visual cloud visible at the start.
        eta: share of ancestral noise in DDIM steps, 0 to 1 (arXiv:2010.02502, eq. 16). Other samplers ignore it. On a
            bridge (`ModelConfig.path`) 0 is the flow form and 1 the Brownian bridge; sampler and strength are ignored there.
        guidance: of the closed form the power gamma on p(c | v) inside the denoiser: 1 samples a class with its probability,
            larger values commit to the most probable one. Of the other denoisers how far an estimate is carried on from
            the one without condition through the one with it (arXiv:2207.12598): 1 is that with it, and samples the
            distribution. None stands for the denoiser's own: 3 for the closed form, 2 for the learned one and 1 for the
            Gaussian (chosen here; see docs/open-vocabulary.md).
        seed: of the noise. Each item has a generator of its own, so an item's path does not depend on its batch.
        denoiser: a name of DENOISERS that the aligner has; "" for the aligner's own.
    """

    MAX_STEPS: ClassVar[int] = 200
    SCHEDULE_LENGTH: ClassVar[int] = 1000  # timesteps of the noise schedule
    MAX_SEED: ClassVar[int] = 2**31 - 1

    sampler: str = "ddim"
    num_inference_steps: int = 25
    strength: float = 0.6
    eta: float = 0.0
    guidance: float | None = None
    seed: int = 0
    denoiser: str = ""

    def __post_init__(self) -> None:
        if self.denoiser:
            check_name("denoiser", self.denoiser, DENOISERS)
        check_name("sampler", self.sampler, SAMPLERS)
        check_range("num_inference_steps", self.num_inference_steps, 1, self.MAX_STEPS)
        check_range("strength", self.strength, 0.05, 1.0)
        if self.num_inference_steps > self.SCHEDULE_LENGTH * self.strength:
            raise ConfigError(
                f"{self.num_inference_steps} steps do not fit into strength {self.strength}: it holds "
                f"{int(self.SCHEDULE_LENGTH * self.strength)} timesteps.",
                remedy="Take fewer steps or more strength.",
            )
        check_range("eta", self.eta, 0.0, 1.0)
        if self.guidance is not None:
            check_range("guidance", self.guidance, 0.0, 20.0)
        check_range("seed", self.seed, 0, self.MAX_SEED)

    def settled(self, model: ModelConfig) -> SamplingConfig:
        """With the aligner's own denoiser and that denoiser's guidance where none was chosen.

        Raises:
            ConfigError: the aligner lacks the denoiser.
        """
        denoiser = self.denoiser or model.denoiser
        if denoiser not in model.denoisers:
            raise ConfigError(
                f"The denoiser {denoiser!r} was asked for; this aligner has {', '.join(model.denoisers)}.",
                remedy=f"Choose one of these, or train an aligner with `--denoiser {denoiser}`.",
            )
        guidance = DENOISERS[denoiser].guidance if self.guidance is None else self.guidance
        return replace(self, denoiser=denoiser, guidance=guidance)


@dataclass(frozen=True)
class ModelConfig(Config):
    """Sizes of both stages.

    Attributes:
        dim: width d of the common feature space; the text encoder's width.
        image_dim: width D of the image encoder's features, which condition both stages.
        scale: norm of scaled features; 0 stands for sqrt(dim), unit variance per dimension. Chosen here: the noise is
            then comparable to the features (commitment depends strongly on it).
        width: of the feature interaction. Chosen here: 192, small enough for 2 ms a step on two cores.
        heads: attention heads.
        blocks: PFIN blocks a denoiser.
        prior_width: hidden width of the networks that give p(c | v).
        dropout: in those networks.
        power: image features without negative values are raised to it, see `seda.models.scaler`; 1 leaves them alone.
        semantic_space: whether there is a stage 1. Without it stage 2 starts from the visual feature and knows no centers;
            an ablation.
        bank: whether PFIN reads the class texts; without them it knows condition and time only. An ablation.
        words: distinct words that the categories are known by in an open vocabulary, see
            `seda.models.word_posterior`; 0 where a user's class texts are expected to be like the trained ones.
        words_per_category: of them, at most.
        word_sharing: how far a word that covers many categories is held back when they are shared out, 0 to 1, see
            `SemanticTranslator.carry_over`.
        pair_width: hidden width of the map from pictures to texts that is learned from pairs, see
            `seda.models.word_posterior`; 0 where there is none.
        told_place: whether stage 2's learned denoiser is told where that map places the picture.
        unit_features: whether features of both modalities are brought to length 1 first, as encoders that were trained on
            cosines want it.
        zero_shot: whether stage 1's belief also holds the encoder's own comparison of pictures with class texts, for encoders
            that were trained on pairs of both; with unit_features.
        path: family of the paths, see `seda.diffusion.paths`: "conditional" starts from the noised source, "bridge" exactly
            at it.
        denoiser: a name of DENOISERS: what walks the paths; it holds those before it too.
        one_step_width: hidden width of the one-step estimate that the Gaussian denoiser is around.
        denoiser_width: of the learned denoiser's feature interaction.
        denoiser_heads: its attention heads.
        denoiser_blocks: its PFIN blocks.
    """

    dim: int = 384
    image_dim: int = 1280
    scale: float = 0.0
    width: int = 192
    heads: int = 4
    blocks: int = 2
    prior_width: int = 512
    dropout: float = 0.2
    power: float = 0.5
    semantic_space: bool = True
    bank: bool = True
    words: int = 0
    words_per_category: int = 12
    word_sharing: float = 1.0
    pair_width: int = 0
    told_place: bool = False
    unit_features: bool = False
    zero_shot: bool = False
    path: str = "conditional"
    denoiser: str = "closed-form"
    one_step_width: int = 512
    denoiser_width: int = 192
    denoiser_heads: int = 4
    denoiser_blocks: int = 2

    def __post_init__(self) -> None:
        check_name("denoiser", self.denoiser, DENOISERS)
        check_name("path family", self.path, PATH_FAMILIES)
        check_range("power", self.power, 0.1, 1.0)
        for name in ("dim", "image_dim"):
            check_range(name, getattr(self, name), 2, 65_536)
        # chosen here, ten times and more of what is used: a card must not ask for more memory than there is
        check_range("width", self.width, 1, 4096)
        check_range("heads", self.heads, 1, 64)
        check_range("blocks", self.blocks, 1, 16)
        check_range("prior_width", self.prior_width, 1, 16_384)
        check_range("dropout", self.dropout, 0.0, 0.95)
        check_range("words", self.words, 0, 1_000_000)
        check_range("words_per_category", self.words_per_category, 1, 10_000)
        check_range("word_sharing", self.word_sharing, 0.0, 1.0)
        check_range("pair_width", self.pair_width, 0, 16_384)
        check_range("one_step_width", self.one_step_width, 1, 16_384)
        check_range("denoiser_width", self.denoiser_width, 1, 4096)
        check_range("denoiser_heads", self.denoiser_heads, 1, 64)
        check_range("denoiser_blocks", self.denoiser_blocks, 1, 16)
        for width, heads in (("width", "heads"), ("denoiser_width", "denoiser_heads")):
            if getattr(self, width) % getattr(self, heads):
                raise ConfigError(
                    f"{width} {getattr(self, width)} is not a multiple of {heads} {getattr(self, heads)}."
                )
        if self.zero_shot and not (self.unit_features and self.dim == self.image_dim):
            raise ConfigError(
                f"zero_shot needs unit_features and one width; {self.image_dim} and {self.dim} came with "
                f"unit_features {self.unit_features}."
            )
        if self.told_place and not (self.words and self.pair_width):
            raise ConfigError(
                f"told_place needs words and pair_width, which make the map; {self.words} and {self.pair_width} came."
            )
        if not 0 <= self.scale <= 1e6:
            raise ConfigError(f"scale is {self.scale}; allowed is 0 (sqrt(dim)) or more, up to a million.")

    @property
    def denoisers(self) -> tuple[str, ...]:
        """Names of the denoisers that an aligner of this kind can be run with."""
        names = tuple(DENOISERS)
        return names[: names.index(self.denoiser) + 1]

    @property
    def feature_norm(self) -> float:
        """Length of every scaled feature: the scale, or the square root of the width where there is none."""
        return self.scale or self.dim**0.5


@dataclass(frozen=True)
class TrainingConfig(Config):
    """How an aligner is trained. Everything is chosen on the validation split.

    Attributes:
        seed: of split, initial weights, batches and noise.
        validation_share: share of the training data held out for early stopping and the temperature.
        max_epochs: passes over the training data, at most.
        patience: epochs without a better validation loss before stopping.
        batch_size: images a step.
        learning_rate: peak of a cosine decay with AdamW.
        weight_decay: AdamW's.
        feature_noise: input features get N(0, 1) noise of a strength drawn uniformly from 0 to this, per image, in units
            of their standard deviation. With mixup the strongest help measured on Fashion-MNIST.
        mixup: Beta parameter of mixup on the inputs of p(c | v) (arXiv:1710.09412); 0 switches it off.
        center_swap: share of training images whose stage-2 condition shows another class's center, so that the
            translator does not trust stage 1 blindly.
        center_weight: of stage 1's squared error to the category center; 0 leaves its cross-entropy alone. An ablation.
        warm_start_share: share of the leftover of the source that training simulates, drawn uniformly from 0 to this.
        path: a name of PATH_FAMILIES, which a model that is not given is made with.
        denoiser: a name of DENOISERS, likewise: those up to it are trained.
        one_step_steps: batches that the one-step estimates of `ModelConfig.denoiser` are trained on, see
            `seda.training.denoisers`.
        denoiser_steps: batches that the learned denoisers are trained on after that.
        condition_dropout: share of items whose condition is left out there, so that guidance has something to go away from.
        center_spread: how far from its center towards another item of its category stage 1's target lies, as a share.
        listed_share: share of items whose text is on the list that they learn with; the others learn where to end when no word
            of a list is theirs.
        anchor_weight: of the cross-entropy of the weights of centers and texts.
        average_decay: of the moving average of weights.
    """

    seed: int = 0
    validation_share: float = 1 / 7
    max_epochs: int = 14
    patience: int = 6
    batch_size: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 0.02
    feature_noise: float = 1.0
    mixup: float = 0.4
    center_swap: float = 0.3
    center_weight: float = 1.0
    warm_start_share: float = 1.0
    path: str = "conditional"
    denoiser: str = "closed-form"
    one_step_steps: int = 500
    denoiser_steps: int = 2000
    condition_dropout: float = 0.15
    center_spread: float = 0.5
    listed_share: float = 0.95
    anchor_weight: float = 0.3
    average_decay: float = 0.995

    MIN_STEPS: ClassVar[int] = 40  # chosen here: few pictures make epochs of one step

    @classmethod
    def for_pictures(cls, count: int, *, seed: int = 0, min_steps: int = MIN_STEPS, epochs: int = 0) -> Self:
        """With patience for a third of the epochs, of which 0 stands for enough: for `min_steps` steps on `count` pictures."""
        epochs = epochs or max(cls.max_epochs, -(-min_steps // max(-(-count // cls.batch_size), 1)))
        return cls(seed=seed, max_epochs=epochs, patience=max(cls.patience, epochs // 3))

    def __post_init__(self) -> None:
        check_name("path family", self.path, PATH_FAMILIES)
        check_name("denoiser", self.denoiser, DENOISERS)
        check_range("validation_share", self.validation_share, 0.01, 0.5)
        check_range("max_epochs", self.max_epochs, 1, 10_000)
        check_range("batch_size", self.batch_size, 2, 65_536)
        check_range("seed", self.seed, 0, SamplingConfig.MAX_SEED)
        check_range("patience", self.patience, 1, 10_000)
        check_range("learning_rate", self.learning_rate, 0.0, 10.0)
        check_range("weight_decay", self.weight_decay, 0.0, 10.0)
        for name in ("feature_noise", "mixup", "center_weight"):
            check_range(name, getattr(self, name), 0.0, 100.0)
        for name in ("one_step_steps", "denoiser_steps"):
            check_range(name, getattr(self, name), 1, 1_000_000)
        check_range("anchor_weight", self.anchor_weight, 0.0, 100.0)
        for name in (
            "center_swap",
            "warm_start_share",
            "condition_dropout",
            "center_spread",
            "listed_share",
            "average_decay",
        ):
            check_range(name, getattr(self, name), 0.0, 1.0)
