"""python -m seda: the commands of seda/commands, behind one parser.

Results go to stdout, progress and messages to stderr. Exit status: 0 when the call was answered (for classify, trace and
search: at least one image), 1 when it was right but nothing could be answered or written, 2 when the call itself is wrong, 130
after Ctrl-C. Each command is a file; what they raise becomes a message and a status.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from seda.commands import (
    app,
    bench,
    benchmark,
    classify,
    consistency,
    diagnose,
    distribution,
    draw,
    evaluate,
    federate,
    pretrain,
    search,
    sweep,
    trace,
    train,
)
from seda.commands import list as listing
from seda.commands import map as maps
from seda.commands import open as opening
from seda.commands.shared import terminal
from seda.commands.shared.exit_status import ANSWERED, INTERRUPTED, UNANSWERED, WRONG_CALL
from seda.errors import ConfigError, SedaError, StorageError
from seda.storage import local_path, readable

__all__ = ["ANSWERED", "COMMANDS", "INTERRUPTED", "UNANSWERED", "WRONG_CALL", "main", "make_parser"]

COMMANDS = (
    app,
    classify,
    trace,
    draw,
    opening,
    search,
    train,
    pretrain,
    evaluate,
    diagnose,
    sweep,
    consistency,
    benchmark,
    distribution,
    federate,
    maps,
    bench,
    listing,
)  # as --help lists them


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # class names may hold what a terminal's encoding does not
    parser = make_parser()
    arguments, unknown = parser.parse_known_args(argv)
    if unknown and not arguments.passes_on:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    arguments.passed_on = unknown
    arguments.call = readable(shlex.join(["python", "-m", "seda", *(sys.argv[1:] if argv is None else argv)]))
    try:
        for name, value in list(vars(arguments).items()):
            if isinstance(value, Path):
                setattr(arguments, name, local_path(value, ConfigError))
        return arguments.run(arguments)
    except SedaError as error:
        terminal.say(f"error: {error.message}")
        if error.remedy:
            terminal.say(f"  {error.remedy}")
        return UNANSWERED if isinstance(error, StorageError) else WRONG_CALL
    except KeyboardInterrupt:
        terminal.say("")
        terminal.say(f"stopped.{arguments.when_stopped}")
        return INTERRUPTED
    except MemoryError:
        terminal.say("error: there is not enough memory for that.")
        terminal.say("  Take fewer pictures, words or steps.")
        return UNANSWERED
    except BrokenPipeError:  # as `| head` does; what is left must not be written at the end either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNANSWERED
    except OSError as error:  # a folder that may not be entered, a name that is too long, a disk that went away
        where = f"{error.filename!s:.200}: " if error.filename is not None else ""
        terminal.say(f"error: {where}{error.strerror or error}.")
        terminal.say("  Check that the path is right and may be used.")
        return WRONG_CALL


def make_parser() -> argparse.ArgumentParser:
    """A parser of all commands; what it returns has the command as `run`, and in `passes_on` whether it takes what is not known here."""
    parser = argparse.ArgumentParser(
        prog="python -m seda", description="Watch visual features travel by diffusion toward their class texts."
    )
    parser.set_defaults(when_stopped="", passes_on=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return parser
