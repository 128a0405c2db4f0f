"""app: the dashboard, in a browser."""

from __future__ import annotations

import argparse
import os

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
    parser.add_argument(
        "--no-warm-up", action="store_true",
        help="load models when somebody first presses Run, not after the first page: for a server that only plays what is stored, which then "
        "holds a seventh of the memory; as SEDA_WARM_UP=off",
    )  # fmt: skip
    parser.set_defaults(run=run, passes_on=True)


def run(arguments: argparse.Namespace) -> int:
    """Serve until it is stopped, with the settings beside app.py; options win over these.

    Relative paths are those of the folder that the command is given in.
    """
    from streamlit.web import cli

    if arguments.no_warm_up:
        os.environ["SEDA_WARM_UP"] = "off"  # the server is this process
    cli.main(
        ["run", str(APP), *arguments.passed_on], prog_name="streamlit"
    )  # exits by itself, also where an option is wrong
    return ANSWERED
