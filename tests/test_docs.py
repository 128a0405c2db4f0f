"""What the documents tell people to type and where they point: it exists."""

import re
import shlex
from pathlib import Path

import pytest

from seda.cli import make_parser

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "assets" / "README.md", ROOT / "examples" / "README.md"]
)
OPTIONAL = re.compile(r"\[(--[^\]]*)\]")  # in usage lines


def calls(program: str) -> list[str]:
    """Every call of a program in the documents' blocks of commands, without comments; what is optional in it is given."""
    found = []
    for document in DOCUMENTS:
        for block in re.findall(r"^```sh\n(.*?)^```", document.read_text(encoding="utf-8"), re.M | re.S):
            for line in block.replace("\\\n", " ").splitlines():
                if line.strip().startswith(program):
                    found.append(OPTIONAL.sub(lambda part: "" if "|" in part[1] else part[1], line.partition(" #")[0]))
    return found


@pytest.mark.parametrize("call", sorted(set(calls("python -m seda"))))
def test_commands_of_the_documents_are_calls_that_the_program_takes(call):
    arguments = re.sub(r",\.\.\.", "", call.partition("|")[0] if "--words " not in call else call)
    known, passed_on = make_parser().parse_known_args(shlex.split(arguments)[3:])  # exits where it does not
    assert known.passes_on or not passed_on


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_scripts_and_links_of_the_documents_are_there(document):
    text = document.read_text(encoding="utf-8")
    for script, options in re.findall(r"python (tests/[\w/]+\.py)([^`\n#]*)", text):
        assert (ROOT / script).is_file(), script
        for option in re.findall(r"--[\w-]+", options):
            assert option in (ROOT / script).read_text(encoding="utf-8"), f"{script} has no {option}"
    for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text):
        assert (document.parent / target).exists(), target
    for path in re.findall(r"`((?:seda|tests|pages)/[\w/.]+\.(?:py|js|css))`", text):
        assert (ROOT / path).is_file(), path
