"""trace: write how items travel to their class texts."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from seda.commands.shared import terminal
from seda.commands.shared.exit_status import ANSWERED, UNANSWERED
from seda.commands.shared.inputs import (
    class_texts,
    feature_file,
    find_items,
    known_labels,
    read_items,
    say_left_out,
)
from seda.commands.shared.loading import load_workbench
from seda.commands.shared.options import Commands, add_inputs, add_sampling, sampling_config
from seda.commands.shared.taking import add_taking, export_options, take
from seda.errors import ConfigError
from seda.export import ExportOptions, export_format
from seda.images import PRINTED, NamedImage, thumbnail_png
from seda.journeys.labelled_items import SPLITS
from seda.storage import readable


def add(commands: Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser("trace", help="write how images travel to their class texts")
    parser.set_defaults(run=run)
    add_inputs(parser, "; or features:FILE, see docs/feature-files.md")
    parser.add_argument(
        "--template", metavar="TEXT", help='put around each class text, such as "a photo of a {}"; default: the aligner\'s own'
    )  # fmt: skip
    parser.add_argument(
        "--labels", metavar="folders|names|FILE.csv",
        help="mark the pictures whose answer is wrong; what says which word is right: the folder that a picture is in, its name without a "
        "number, or a table with the columns file and label",
    )  # fmt: skip
    parser.add_argument(
        "--split", choices=SPLITS, help="of a file of features; default: test where it has one, else all"
    )
    add_sampling(parser)
    add_taking(parser)


def run(arguments: argparse.Namespace) -> int:
    """Trace the items that can be read and write them in the form of --out's suffix."""
    options = export_options(arguments)
    if any(feature_file(path) for path in arguments.paths):
        return _trace_features(arguments, options)
    names = class_texts(arguments).names
    sampling = sampling_config(arguments)
    found = list(find_items(arguments.paths))
    labels = known_labels(found, arguments.labels, names)
    items, failures = read_items(found)
    say_left_out(failures)
    if not items:
        terminal.say("error: no image could be read.")
        return UNANSWERED
    workbench = load_workbench(arguments)
    terminal.say_all(workbench.notes_on(names))

    from seda.journeys.tracing import trace_images

    order = [item.name for item in items]
    items = [NamedImage(readable(Path(item.name).name), item.image) for item in items]  # folders are not shared
    journey = trace_images(
        items, names, workbench, sampling, template=arguments.template, title=f"{len(items)} images on their way to {len(names)} class texts",
        on_step=lambda event: terminal.progress(f"stage {event.stage}", event.done, event.total),
    )  # fmt: skip
    if labels is not None:
        journey = replace(journey, labels=np.array([labels[name] for name in order], np.int16))
    if export_format(arguments.out).drawn:  # what is printed needs larger thumbnails than a screen
        journey = replace(journey, thumbnails=tuple(thumbnail_png(item.image, PRINTED) for item in items))
    take(journey, arguments, options)
    return ANSWERED


def _trace_features(arguments: argparse.Namespace, options: ExportOptions) -> int:
    """Trace the rows of a file of features to --classes, or to the file's own, with the labels that it has."""
    from seda.commands.shared.labelled import read_labelled
    from seda.journeys.given_paths import shown_items
    from seda.journeys.tracing import bare_workbench, trace_features

    if arguments.labels is not None:
        raise ConfigError("--labels came with a file of features, which has labels of its own.", remedy="Leave it out.")
    sampling = sampling_config(arguments)
    items, aligner = read_labelled(arguments)
    if items is None or not len(items.labels):
        terminal.say("error: no row could be read.")
        return UNANSWERED
    chosen = shown_items(len(items.labels), 2 * sampling.num_inference_steps + 3)
    title = f"{len(chosen):,} rows on their way to {len(items.class_names)} class texts"
    if len(chosen) < len(items.labels):
        terminal.say(f"{len(chosen):,} of {len(items.labels):,} rows travel, evenly chosen: the player shows no more.")
    template = aligner.card.template if arguments.template is None else arguments.template
    journey = trace_features(
        items.image_features[chosen], items.class_texts(template), [items.names[row] for row in chosen], items.class_names,
        bare_workbench(aligner), sampling,
        item_seeds=[items.item_seeds[row] for row in chosen], thumbnails=[b""] * len(chosen), template=template, title=title,
        on_step=lambda event: terminal.progress(f"stage {event.stage}", event.done, event.total),
    )  # fmt: skip
    take(replace(journey, labels=items.labels[chosen].astype(np.int16)), arguments, options)
    return ANSWERED
