"""AlignerCard: what has to be known about an aligner, readable without importing torch."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from seda import shipped
from seda.config import ModelConfig, TrainingConfig
from seda.errors import AlignerError, FileFormatError
from seda.schema import Count, Line, OpenSchema, Schema, Text, check
from seda.storage import local_path, read_json, sha256_file, write_json

FORMAT = "seda-aligner"
FORMAT_VERSION = 1
CARD_FILE = "card.json"
VISITORS = ".visitors"  # below the home: homes of those who trained in the app, each by a hash
CHECKPOINT_FILE = "checkpoint.safetensors"  # of a training that is under way in the folder
DENOISERS_CHECKPOINT = "-checkpoint.part"  # how those of its second half end, behind the name of what is trained
ASSETS = shipped.ASSETS / "aligners"
DEFAULT_ALIGNER = "open-vocabulary"
TRAINED_ALIGNER = "fashion-mnist"  # trained by gradient
MAX_FILE = 4 * 2**30  # bytes beside a card; chosen here: the largest that is shipped has 20 MB
MAX_NAMES = 100_000  # categories of an aligner
NAME_RULE = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"
)  # of aligners in the home: a folder's name everywhere, never a path
# keys of an open-vocabulary card's data: feature files by collection, of pictures that nothing was fitted to or chosen by,
# and of those that settings were chosen by
EVALUATION, VALIDATION = "evaluation", "validation"
# key of the data of an aligner that no picture was trained on: the user's own words (see `seda.training.words_alone`); and what
# it says of the pictures that measured the modality gap
WORDS_ALONE = "words_alone"
SAMPLE_PICTURES, OWN_PICTURES = "the program's samples, unlabelled", "the user's own pictures, unlabelled"
# keys of its metrics: rows of `seda.benchmark.open_vocabulary`; and the pool's weights as the pictures that are evaluated on would
# have chosen them, with which alone those are named that the aligner's own weights were chosen by
NAMING, CROSSFIT_WEIGHTS, CROSSFIT_LEAST_FIT = "naming", "crossfit_weights", "crossfit_least_fit"


@dataclass(frozen=True)
class AlignerCard:
    """What has to be known about an aligner; saved as card.json.

    Attributes:
        name: short name.
        description: a sentence for the screen.
        encoder: name of the encoder, as `load_encoder` takes it.
        encoder_fingerprint: of weights, preprocessing and version.
        class_names: the c training categories, as texts.
        template: put around each class text before it is encoded; "{}" stands for the text.
        model: sizes.
        training: how it was trained.
        data: name, split, counts and fingerprint of the training data, its source and licence.
        metrics: measured on validation data, and on test data where `evaluate` added them.
        versions: of the packages it was trained with.
        suggested: class texts that a screen begins with; the categories themselves where empty.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "allow_inf_nan": False}

    name: Line
    description: Text
    encoder: Annotated[str, Field(max_length=4096)]  # may be a path
    encoder_fingerprint: Line
    class_names: Annotated[tuple[Line, ...], Field(max_length=MAX_NAMES)]
    template: Line
    model: ModelConfig
    training: TrainingConfig
    data: dict[Line, Any]
    metrics: dict[Line, Any]
    versions: dict[Line, Line]
    suggested: Annotated[tuple[Line, ...], Field(max_length=MAX_NAMES)] = ()

    @property
    def first_classes(self) -> tuple[str, ...]:
        """Class texts that a screen begins with."""
        return self.suggested or self.class_names

    def to_dict(self) -> dict[str, Any]:
        """As card.json holds it."""
        values = dict(vars(self))
        return values | {"model": self.model.to_dict(), "training": self.training.to_dict()}


FileName = Annotated[str, Field(pattern=r"^[\w-][\w.-]{0,150}$")]  # leads nowhere else
Sum = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Figure = float | None


class CardData(OpenSchema):
    """Keys of a card's `data` that are read."""

    dataset: Annotated[str, Field(max_length=4096)] = ""
    source: Text = ""
    split: Line = ""
    count: Count = 0
    fingerprint: Line | Annotated[tuple[Line, ...], Field(max_length=1000)] = ""
    encoder_description: Text = ""
    evaluation: Annotated[dict[Line, FileName], Field(max_length=100)] = Field(default_factory=dict)
    validation: Annotated[dict[Line, FileName], Field(max_length=100)] = Field(default_factory=dict)
    words_alone: Annotated[tuple[Line, ...], Field(max_length=MAX_NAMES)] = ()
    measured_on: Line = ""


class PathAccuracy(OpenSchema):
    """Top-1 accuracy (0..1) of the nearest class text at chosen steps of a path, with the ends of its confidence band."""

    split: Line
    count: Count
    steps: Annotated[tuple[Count, ...], Field(max_length=1000)]
    accuracy: Annotated[tuple[float, ...], Field(max_length=1000)]
    low: Annotated[tuple[float, ...], Field(max_length=1000)]
    high: Annotated[tuple[float, ...], Field(max_length=1000)]
    hand_over: Count


class CardMetrics(OpenSchema):
    """Keys of a card's `metrics` that are read."""

    maps: dict[Line, dict[Line, Figure]] = Field(default_factory=dict)
    path_accuracy: PathAccuracy | None = None
    naming: Annotated[tuple[dict[Line, str | float], ...], Field(max_length=1000)] = ()
    crossfit_weights: Annotated[tuple[float, ...], Field(max_length=1000)] = ()
    validation_top1_accuracy: Figure = None
    validation_nll: Figure = None
    validation_ece: Figure = None
    validation_count: Count | None = None
    training_count: Count | None = None
    epochs: Count | None = None
    best_epoch: Count | None = None


class CardFile(Schema):
    """What card.json may hold: the card, and the sha256 of the files beside it by name, several while one is replaced."""

    format: Literal["seda-aligner"]
    version: Literal[1]
    files: dict[FileName, Sum | Annotated[tuple[Sum, ...], Field(min_length=1, max_length=8)]]
    card: AlignerCard


def write_card(folder: Path, card: AlignerCard, sums: Mapping[str, Sequence[str]] | None = None) -> Path:
    """Write card.json with the sha256 of the safetensors files beside it, but for a training's checkpoint.

    Args:
        sums: allowed for files that are about to be replaced, by name; else as they are now.
    """
    parts = (path for path in sorted(folder.glob("*.safetensors")) if path.name != CHECKPOINT_FILE)
    files: dict[str, str | list[str]] = {path.name: sha256_file(path) for path in parts}
    files |= {name: list(allowed) for name, allowed in (sums or {}).items()}
    values = {"format": FORMAT, "version": FORMAT_VERSION, "files": files, "card": card.to_dict()}
    return write_json(folder / CARD_FILE, values)


def renew_sums(folder: Path) -> Path:
    """Write the card again after a file beside it has come or gone.

    Raises:
        SedaError: the aligner is damaged, or the folder cannot be written.
    """
    return write_card(folder, read_card(folder))


def read_sums(folder: Path) -> dict[str, tuple[str, ...]]:
    """The sums that a folder's card allows, by file; the files are not looked at.

    Raises:
        FileFormatError: there is no card, or it is damaged.
    """
    checked: CardFile = check(CardFile, read_json(folder / CARD_FILE), f"The aligner in {folder} is incomplete")
    return {name: (allowed,) if isinstance(allowed, str) else allowed for name, allowed in checked.files.items()}


def aligner_home() -> Path:
    """Folder of the aligners that were trained here: $SEDA_ALIGNERS, else $XDG_DATA_HOME/seda/aligners, else
    ~/.local/share/seda/aligners."""
    if chosen := os.environ.get("SEDA_ALIGNERS"):
        return Path(chosen)
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "seda" / "aligners"


def check_aligner_name(name: str) -> str:
    """A new aligner's name, which is also its folder's.

    Raises:
        AlignerError: it is empty, too long, or has other signs than letters of a to z, digits, - and _.
    """
    if not NAME_RULE.fullmatch(name):
        raise AlignerError(
            f"An aligner cannot be called {name!r:.80}." if name else "The aligner has no name yet.",
            remedy="Use 1 to 64 letters (a to z), digits, - and _; begin with a letter or a digit.",
        )
    return name


def find_aligner(name_or_dir: str | Path) -> Path:
    """The folder of an aligner by its name, or of any by its path: a shipped one, one in the home, one that a visitor of the app
    kept. Who may not see the visitors' asks `seda.ui.serving.visitor`.

    Raises:
        AlignerError: there is none.
    """
    if (folder := named_aligner(str(name_or_dir), *visitor_homes())) is not None:
        return folder
    folder = local_path(name_or_dir, AlignerError)
    if local_path(folder / CARD_FILE, AlignerError).is_file():
        return folder
    raise AlignerError(
        f"There is no aligner {str(name_or_dir)!r:.100}; known are {', '.join(list_aligners()) or 'none'}.",
        remedy="Give one of these names, or a folder that `python -m seda train` wrote.",
    )


def visitor_homes() -> list[Path]:
    """The homes of those who trained in the app, for who may see all of them: the operator."""
    return sorted(aligner_home().glob(f"{VISITORS}/*"))


def named_aligner(name: str, *homes: Path) -> Path | None:
    """The folder of the first aligner of that name: shipped, in the aligners' home, in one of these homes; None where there is none."""
    if not NAME_RULE.fullmatch(name):
        return None
    folders = (home / name for home in (ASSETS, aligner_home(), *homes))
    return next((folder for folder in folders if local_path(folder / CARD_FILE, AlignerError).is_file()), None)


def list_aligners(*homes: Path) -> list[str]:
    """Names of the shipped aligners, then of those in the aligners' home and in these homes that were not named before."""
    found: dict[str, None] = {}
    for home in (ASSETS, aligner_home(), *homes):
        names = (
            sorted(os.listdir(home)) if os.path.isdir(home) else []
        )  # asked several times a page; Path.glob takes five times as long
        found |= dict.fromkeys(name for name in names if os.path.exists(os.path.join(home, name, CARD_FILE)))
    return list(found)


def encoders_in_use(folders: Iterable[Path]) -> set[str]:
    """Names of the encoders that these aligners look through; their files are not checked, a damaged card is passed over."""
    found = set()
    for folder in folders:
        try:
            found.add(str(read_json(folder / CARD_FILE)["card"]["encoder"]))
        except (FileFormatError, AlignerError, KeyError, TypeError):
            continue
    return found


def read_card(name_or_dir: str | Path, *, check_maps: bool = True) -> AlignerCard:
    """Read and check an aligner's card, and the sha256 of its files; without those of its maps where they will be replaced.

    Raises:
        AlignerError: there is none.
        FileFormatError: a file is damaged or missing, or the card is of another version.
    """
    folder = find_aligner(name_or_dir)
    values = read_json(folder / CARD_FILE)
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise FileFormatError(f"{folder / CARD_FILE} is not the card of an aligner.")
    if values.get("version") != FORMAT_VERSION:
        raise FileFormatError(
            f"The aligner in {folder} has version {values.get('version')}; this program reads version {FORMAT_VERSION}.",
            remedy="Train it again with this version, or use the version that wrote it.",
        )
    again = "Restore the folder from its source, or train the aligner again."
    checked: CardFile = check(CardFile, values, f"The aligner in {folder} is incomplete", remedy=again)
    for schema, part in ((CardData, "data"), (CardMetrics, "metrics")):
        check(schema, values["card"][part], f"The aligner in {folder} is incomplete: its {part}", remedy=again)
    for name, allowed in checked.files.items():
        if not check_maps and name.startswith("map"):
            continue
        try:
            found = sha256_file(folder / name, max_bytes=MAX_FILE)
        except OSError as error:
            raise FileFormatError(f"The aligner in {folder} is incomplete ({error}).", remedy=again) from error
        if found not in ([allowed] if isinstance(allowed, str) else allowed):
            raise FileFormatError(f"{folder / name} is damaged: its sha256 is not the one in the card.", remedy=again)
    return checked.card
