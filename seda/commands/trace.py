"""trace: write how images travel to their class texts."""

from __future__ import annotations

import argparse
from pathlib import Path

from seda.commands.shared import terminal
from seda.commands.shared.exit_status import ANSWERED, UNANSWERED
from seda.commands.shared.inputs import class_texts, find_pictures, read_pictures, say_left_out
from seda.commands.shared.loading import load_workbench
from seda.commands.shared.options import Commands, add_inputs, add_sampling, sampling_config
from seda.export import FORMATS, export_format, write_export
from seda.images import NamedImage
from seda.storage import check_target, readable


def add(commands: Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser("trace", help="write how images travel to their class texts")
    parser.set_defaults(run=run)
    add_inputs(parser)
    parser.add_argument(
        "--out", required=True, metavar="FILE", type=Path,
        help=" ".join(f"{suffix}: {form.help}" for suffix, form in FORMATS.items()),
    )  # fmt: skip
    parser.add_argument("--loop", action="store_true", help="let an .html play again and again, as at a stand")
    parser.add_argument(
        "--template", metavar="TEXT", help='put around each class text, such as "a photo of a {}"; default: the aligner\'s own'
    )  # fmt: skip
    add_sampling(parser)


def run(arguments: argparse.Namespace) -> int:
    """Trace the pictures that can be read and write them in the form of --out's suffix."""
    export_format(arguments.out)
    check_target(arguments.out)
    names = class_texts(arguments).names
    sampling = sampling_config(arguments)
    images, failures = read_pictures(find_pictures(arguments.paths))
    say_left_out(failures)
    if not images:
        terminal.say("error: no image could be read.")
        return UNANSWERED
    workbench = load_workbench(arguments)
    terminal.say_all(workbench.notes_on(names))

    from seda.journeys.tracing import trace_images

    images = [NamedImage(readable(Path(item.name).name), item.image) for item in images]  # folders are not shared
    journey = trace_images(
        images, names, workbench, sampling, template=arguments.template, title=f"{len(images)} images on their way to {len(names)} class texts",
        on_step=lambda event: terminal.progress(f"stage {event.stage}", event.done, event.total),
    )  # fmt: skip
    print(write_export(journey, arguments.out, loop=arguments.loop))
    return ANSWERED
