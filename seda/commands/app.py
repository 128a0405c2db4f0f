"""app: the dashboard, in a browser."""

from __future__ import annotations

import argparse

from seda.commands.shared.exit_status import ANSWERED
from seda.commands.shared.options import Commands
from seda.shipped import APP


def add(commands: Commands) -> None:
    """Add the command; what follows it is Streamlit's."""
    parser = commands.add_parser(
        "app", help="start the dashboard, which opens in a browser",
        epilog="Further options are those of `streamlit run`, such as --server.port 8600 or --server.headless true; "
        "`streamlit run --help` lists them. Ctrl-C stops it.",
    )  # fmt: skip
    parser.set_defaults(run=run, passes_on=True)


def run(arguments: argparse.Namespace) -> int:
    """Serve until it is stopped, with the settings beside app.py; options win over these.

    Relative paths are those of the folder that the command is given in.
    """
    from streamlit.web import cli

    cli.main(
        ["run", str(APP), *arguments.passed_on], prog_name="streamlit"
    )  # exits by itself, also where an option is wrong
    return ANSWERED
