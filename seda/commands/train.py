"""train: train an aligner; the same call goes on where a stopped one ended."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seda.commands.shared import terminal
from seda.commands.shared.exit_status import ANSWERED, GOES_ON
from seda.commands.shared.inputs import feature_file
from seda.commands.shared.loading import choose_device, load_encoder
from seda.commands.shared.options import Commands, add_device, add_encoder, positive, seed
from seda.config import DENOISERS, PATH_FAMILIES, TrainingConfig
from seda.data.datasets import USAGE
from seda.storage import check_target

if TYPE_CHECKING:
    from seda.encoders.base import Encoder


def add(commands: Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser("train", help="train an aligner; the same call goes on where a stopped one ended")
    parser.set_defaults(run=run, when_stopped=GOES_ON)
    parser.add_argument(
        "--dataset", required=True,
        help=f"{USAGE} with one sub-folder a class, or "
        "features:FILE (see benchmark --data; without pictures)",
    )  # fmt: skip
    add_encoder(parser)
    parser.add_argument("--out", required=True, metavar="DIR", type=Path, help="folder of the new aligner")
    parser.add_argument("--data-dir", metavar="DIR", type=Path, help="where the data set's files are")
    parser.add_argument(
        "--engine", choices=("here", "ray"), default="here",
        help="what encodes the images: this process, or workers of Ray (requirements-ray.txt); default %(default)s",
    )  # fmt: skip
    parser.add_argument(
        "--workers", type=positive, metavar="N", help="of --engine ray; default: one a core, or one a GPU"
    )
    parser.add_argument("--limit", type=positive, metavar="N", help="train on the first N images of the split only")
    parser.add_argument(
        "--epochs", type=positive, default=TrainingConfig.max_epochs, metavar="N",
        help="passes over the data, at most; default %(default)s",
    )  # fmt: skip
    parser.add_argument(
        "--path", choices=PATH_FAMILIES, default=TrainingConfig.path,
        help="kind of paths: " + "; ".join(f"{name} {one.help}" for name, one in PATH_FAMILIES.items()) + "; default %(default)s",
    )  # fmt: skip
    parser.add_argument(
        "--denoiser", choices=DENOISERS, default=TrainingConfig.denoiser,
        help="what shall walk the paths; learned takes some minutes more; default %(default)s",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=seed, default=TrainingConfig.seed, help="of everything random; default %(default)s"
    )
    parser.add_argument(
        "--reference-points", type=positive, default=2000, metavar="N",
        help="training features that form the maps' clouds, at most 100,000; default %(default)s",
    )  # fmt: skip
    add_device(parser)


def run(arguments: argparse.Namespace) -> int:
    """Train on pictures or on a file of features, print the new folder and say the validation accuracy."""
    config = TrainingConfig(
        seed=arguments.seed, max_epochs=arguments.epochs, path=arguments.path, denoiser=arguments.denoiser
    )
    check_target(arguments.out, folder=True)

    from seda.data.datasets import load_dataset
    from seda.data.feature_file import read_feature_file
    from seda.training.recipe import train_aligner, train_on_features

    def encoder() -> Encoder:
        return load_encoder(arguments.encoder, choose_device(arguments))

    options: dict[str, Any] = {
        "limit": arguments.limit, "reference_count": arguments.reference_points, "on_progress": terminal.progress
    }  # fmt: skip
    stops = "Ctrl-C keeps what is done; the same command goes on from there."
    if file := feature_file(arguments.dataset):
        features = read_feature_file(file, needs_test=False)
        terminal.say(stops)
        trained = train_on_features(features, config, arguments.out, text_encoder=encoder, **options)
    else:
        if arguments.engine == "ray":
            from seda.data.ray_engine import RayEngine

            options["engine"] = RayEngine(arguments.workers, choose_device(arguments))
        dataset, images = load_dataset(arguments.dataset, arguments.data_dir), encoder()
        terminal.say(stops)
        trained = train_aligner(dataset, images, config, arguments.out, **options)
    metrics = trained.card.metrics
    print(arguments.out)
    terminal.say(
        f"validation accuracy {100 * metrics['validation_top1_accuracy']:.2f} % on {metrics['validation_count']} images"
    )
    return ANSWERED
