"""trace: write how images travel to their class texts."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from seda.commands.shared import terminal
from seda.commands.shared.exit_status import ANSWERED, UNANSWERED
from seda.commands.shared.inputs import class_texts, find_pictures, known_labels, read_pictures, say_left_out
from seda.commands.shared.loading import load_workbench
from seda.commands.shared.options import Commands, add_inputs, add_sampling, sampling_config
from seda.commands.shared.taking import add_taking, export_options, take
from seda.export import export_format
from seda.images import PRINTED, NamedImage, thumbnail_png
from seda.storage import readable


def add(commands: Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser("trace", help="write how images travel to their class texts")
    parser.set_defaults(run=run)
    add_inputs(parser)
    parser.add_argument(
        "--template", metavar="TEXT", help='put around each class text, such as "a photo of a {}"; default: the aligner\'s own'
    )  # fmt: skip
    parser.add_argument(
        "--labels", metavar="folders|names|FILE.csv",
        help="mark the pictures whose answer is wrong; what says which word is right: the folder that a picture is in, its name without a "
        "number, or a table with the columns file and label",
    )  # fmt: skip
    add_sampling(parser)
    add_taking(parser)


def run(arguments: argparse.Namespace) -> int:
    """Trace the pictures that can be read and write them in the form of --out's suffix."""
    options = export_options(arguments)
    names = class_texts(arguments).names
    sampling = sampling_config(arguments)
    found = list(find_pictures(arguments.paths))
    labels = known_labels(found, arguments.labels, names)
    images, failures = read_pictures(found)
    say_left_out(failures)
    if not images:
        terminal.say("error: no image could be read.")
        return UNANSWERED
    workbench = load_workbench(arguments)
    terminal.say_all(workbench.notes_on(names))

    from seda.journeys.tracing import trace_images

    order = [item.name for item in images]
    images = [NamedImage(readable(Path(item.name).name), item.image) for item in images]  # folders are not shared
    journey = trace_images(
        images, names, workbench, sampling, template=arguments.template, title=f"{len(images)} images on their way to {len(names)} class texts",
        on_step=lambda event: terminal.progress(f"stage {event.stage}", event.done, event.total),
    )  # fmt: skip
    if labels is not None:
        journey = replace(journey, labels=np.array([labels[name] for name in order], np.int16))
    if export_format(arguments.out).drawn:  # what is printed needs more of a picture than a screen
        journey = replace(journey, thumbnails=tuple(thumbnail_png(item.image, PRINTED) for item in images))
    take(journey, arguments, options)
    return ANSWERED
