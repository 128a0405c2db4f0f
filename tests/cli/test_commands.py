"""Every command has a file, every file is a command, and each has a page of help."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from seda import commands
from seda.cli import ANSWERED, COMMANDS, main, make_parser

FILES = {path.stem for path in Path(commands.__file__).parent.glob("*.py")} - {"__init__"}


def parsers(parser: argparse.ArgumentParser, *call: str) -> Iterator[tuple[str, ...]]:
    """The calls of every command below a parser, such as ("map",) and ("map", "fit")."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, part in action.choices.items():
                yield (*call, name)
                yield from parsers(part, *call, name)


CALLS = list(parsers(make_parser()))


def test_a_command_is_a_file_and_a_file_a_command():
    names = [call[0] for call in CALLS if len(call) == 1]
    assert names == [Path(command.__file__).stem for command in COMMANDS]
    assert set(names) == FILES


@pytest.mark.parametrize("call", [(), *CALLS], ids=" ".join)
def test_help(capsys, call):
    with pytest.raises(SystemExit) as stop:
        main([*call, "--help"])
    told = capsys.readouterr()
    assert stop.value.code == ANSWERED and told.err == ""
    assert told.out.startswith(" ".join(["usage: python -m seda", *call]))
    for name in (part[-1] for part in CALLS if part[:-1] == call):
        assert re.search(rf"^ +{name}(?:\n {{10}})? +\w", told.out, re.MULTILINE), f"{name} without a line of help"
