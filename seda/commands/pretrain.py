"""pretrain: make an aligner for any words; the same call goes on where one ended."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from seda.class_texts import parse_class_texts
from seda.commands.shared import terminal
from seda.commands.shared.exit_status import ANSWERED, GOES_ON
from seda.commands.shared.inputs import find_items, read_items, read_texts, say_left_out
from seda.commands.shared.loading import choose_device, load_encoder
from seda.commands.shared.options import Commands, add_device, seed
from seda.config import DENOISERS, TrainingConfig
from seda.encoders.families import OPEN_VOCABULARY as ENCODER
from seda.errors import ConfigError
from seda.storage import check_target

if TYPE_CHECKING:
    from seda.aligner import PretrainedAligner


def add(commands: Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "pretrain", help="make an aligner for any words; the same call goes on where one ended"
    )
    parser.set_defaults(run=run, when_stopped=GOES_ON)
    parser.add_argument(
        "what", choices=("open-vocabulary",),
        help="fitted to the encoder's categories and to drawings; of an encoder such as CLIP to words alone",
    )  # fmt: skip
    parser.add_argument(
        "--encoder", default=ENCODER, help="%(default)s (the default) or a model of open_clip, see `list`"
    )
    parser.add_argument(
        "--words", metavar="A,B|@FILE",
        help="your own words beside the names of ImageNet's categories; with open_clip; a file has one a line",
    )  # fmt: skip
    parser.add_argument(
        "--pictures", metavar="DIR", type=Path,
        help="unlabelled pictures like yours, which measure the modality gap; with open_clip; default: the samples",
    )  # fmt: skip
    parser.add_argument("--out", required=True, metavar="DIR", type=Path, help="folder of the new aligner")
    parser.add_argument("--data-dir", metavar="DIR", type=Path, help="where the emoji packages are; with multilingual")
    parser.add_argument(
        "--denoiser", choices=DENOISERS,
        help="what shall walk the paths; with multilingual; default: learned, which takes some ten minutes",
    )  # fmt: skip
    parser.add_argument("--seed", type=seed, default=TrainingConfig.seed, help="of its training; default %(default)s")
    add_device(parser)


def run(arguments: argparse.Namespace) -> int:
    """Make the aligner that its encoder allows, and print its figures and folder."""
    check_target(arguments.out, folder=True)
    on_drawings = arguments.encoder == ENCODER
    trained = _pretrain_on_drawings(arguments) if on_drawings else _pretrain_from_words(arguments)
    for name, value in trained.card.metrics.items():
        if isinstance(value, float):
            print(f"{name}: {value:.4f}")
    print(trained.folder)
    return ANSWERED


def _pretrain_on_drawings(arguments: argparse.Namespace) -> PretrainedAligner:
    if arguments.words is not None or arguments.pictures is not None:
        raise ConfigError(
            f"--words and --pictures are for encoders of one space for pictures and texts; {arguments.encoder} has two.",
            remedy="Add --encoder open_clip:MODEL/PRETRAINED, or leave them out.",
        )

    from seda.training.open_vocabulary import open_config, pretrain_open_vocabulary

    encoder = load_encoder(ENCODER, choose_device(arguments))
    config = open_config(arguments.seed, arguments.denoiser or "learned")
    return pretrain_open_vocabulary(
        encoder, arguments.out, data_dir=arguments.data_dir, config=config, on_progress=terminal.progress
    )


def _pretrain_from_words(arguments: argparse.Namespace) -> PretrainedAligner:
    if arguments.denoiser not in (None, "closed-form"):
        raise ConfigError(
            f"--denoiser {arguments.denoiser} needs pictures to learn from; with {arguments.encoder} there are words alone.",
            remedy="Leave it out.",
        )
    words = arguments.words or ""
    if words.startswith("@"):
        words = read_texts(Path(words[1:]))
    parsed, pictures = parse_class_texts(words, at_least=0), None
    terminal.say_all(parsed.notes)
    if arguments.pictures is not None:
        images, failures = read_items(find_items([str(arguments.pictures)]))
        say_left_out(failures)
        pictures = [item.image for item in images]

    from seda.training.words_alone import pretrain_from_words

    encoder = load_encoder(arguments.encoder, choose_device(arguments))
    return pretrain_from_words(
        encoder, arguments.out, words=parsed.names, pictures=pictures, on_progress=terminal.progress
    )
