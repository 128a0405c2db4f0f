"""AlignerCard: what has to be known about an aligner, readable without importing torch."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from seda.config import ModelConfig, TrainingConfig
from seda.errors import AlignerError, ConfigError, FileFormatError
from seda.storage import read_json, sha256_file, write_json

FORMAT = "seda-aligner"
FORMAT_VERSION = 1
CARD_FILE = "card.json"
ASSETS = Path(__file__).resolve().parent.parent / "assets" / "aligners"
DEFAULT_ALIGNER = "open-vocabulary"
TRAINED_ALIGNER = "fashion-mnist"  # trained by gradient
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
NAMING, CROSSFIT_WEIGHTS = "naming", "crossfit_weights"


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

    name: str
    description: str
    encoder: str
    encoder_fingerprint: str
    class_names: tuple[str, ...]
    template: str
    model: ModelConfig
    training: TrainingConfig
    data: Mapping[str, Any]
    metrics: Mapping[str, Any]
    versions: Mapping[str, str]
    suggested: tuple[str, ...] = ()

    @property
    def first_classes(self) -> tuple[str, ...]:
        """Class texts that a screen begins with."""
        return self.suggested or self.class_names

    def to_dict(self) -> dict[str, Any]:
        values = dict(vars(self))
        return values | {"model": self.model.to_dict(), "training": self.training.to_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        parts = {
            "class_names": tuple(values["class_names"]),
            "suggested": tuple(values.get("suggested", ())),
            "model": ModelConfig.from_dict(values["model"]),
            "training": TrainingConfig.from_dict(values["training"]),
        }
        return cls(**{**values, **parts})


def write_card(folder: Path, card: AlignerCard, exclude: Collection[str] = ()) -> Path:
    """Write card.json with the sha256 of the safetensors files beside it; those named in `exclude` are not part of it."""
    parts = (path for path in sorted(folder.glob("*.safetensors")) if path.name not in exclude)
    files = {path.name: sha256_file(path) for path in parts}
    values = {"format": FORMAT, "version": FORMAT_VERSION, "files": files, "card": card.to_dict()}
    return write_json(folder / CARD_FILE, values)


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
    """The folder of a shipped aligner by its name, of one in the home by its name, or of any aligner by its path.

    Raises:
        AlignerError: there is none.
    """
    for folder in (ASSETS / str(name_or_dir), aligner_home() / str(name_or_dir), Path(name_or_dir)):
        if (folder / CARD_FILE).is_file():
            return folder
    raise AlignerError(
        f"There is no aligner {str(name_or_dir)!r}; known are {', '.join(list_aligners()) or 'none'}.",
        remedy="Give one of these names, or a folder that `python -m seda train` wrote.",
    )


def list_aligners() -> list[str]:
    """Names of the shipped aligners, then of those in the home that are not shipped under the same name."""
    shipped = sorted(path.parent.name for path in ASSETS.glob(f"*/{CARD_FILE}"))
    own = sorted(path.parent.name for path in aligner_home().glob(f"*/{CARD_FILE}"))
    return shipped + [name for name in own if name not in shipped]


def encoders_in_use() -> set[str]:
    """Names of the encoders that the listed aligners look through; their files are not checked, a damaged card is passed over."""
    found = set()
    for name in list_aligners():
        try:
            found.add(str(read_json(find_aligner(name) / CARD_FILE)["card"]["encoder"]))
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
    try:
        for name, expected in values["files"].items():
            if not check_maps and name.startswith("map"):
                continue
            if sha256_file(folder / name) != expected:
                raise FileFormatError(
                    f"{folder / name} is damaged: its sha256 is not the one in the card.", remedy=again
                )
        return AlignerCard.from_dict(values["card"])
    except (OSError, KeyError, TypeError, ConfigError) as error:
        raise FileFormatError(f"The aligner in {folder} is incomplete ({error}).", remedy=again) from error
