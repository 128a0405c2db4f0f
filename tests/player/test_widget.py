"""A journey in a notebook: what IPython is given of it, and the widget's traits. tests/browser/test_notebook.py plays it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from seda.errors import ConfigError
from seda.player import framed, to_html
from seda.player.framed import framed_page
from seda.player.notebook import journey_bundle
from seda.player.payload import encoded_payload
from tests.optional import need
from tests.toy import toy_journey

ROOT = Path(__file__).parents[2]
WITHOUT = """
import sys
sys.modules["anywidget"] = None
from seda.errors import ConfigError
from seda.player.notebook import journey_bundle
from tests.toy import toy_journey
print(sorted(journey_bundle(toy_journey())[0]))
try:
    from seda.player.widget import PlayerWidget
except ConfigError as error:
    print(error.message, error.remedy)
"""
# A shell as a notebook's kernel has it, before `import seda`; the second import must not need a journey.
IN_A_SHELL = """
import sys
from types import SimpleNamespace
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.kernel = SimpleNamespace(get_parent=lambda channel: {"content": {"allow_stdin": %r}})
import seda
assert "seda.player" not in sys.modules and "seda.journeys" not in sys.modules
from tests.toy import toy_journey
data, about = shell.display_formatter.format(toy_journey())
print(sorted(data), data["text/plain"])
"""


def run(code: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


class _Frame(HTMLParser):
    def handle_starttag(self, tag, attrs):
        self.tag, self.attributes = tag, dict(attrs)


def test_the_frame_holds_the_standalone_page_to_the_letter():
    journey = toy_journey(class_names=("it's", '"quoted"', "&amp;", "<b>"))
    frame = _Frame()
    frame.feed(page := framed_page(journey))
    assert frame.tag == "iframe" and frame.attributes["srcdoc"] == to_html(journey)
    assert frame.attributes["sandbox"] == "allow-scripts"  # it cannot reach the notebook
    assert len(page) < 1.03 * len(to_html(journey))  # escaped where it has to be, no more


def test_without_anywidget_a_journey_is_the_page_and_the_widget_says_what_to_install():
    shown, said = run(WITHOUT)
    assert shown == "['text/html', 'text/plain']"
    assert said.startswith("The widget needs anywidget, which is not installed. Run: pip install anywidget")


@pytest.mark.parametrize("watched", [True, False])
def test_a_journey_as_the_last_line_of_a_cell(watched: bool):
    need("anywidget", "IPython")
    (shown,) = run(IN_A_SHELL % watched)
    kinds = ["application/vnd.jupyter.widget-view+json"] * watched + ["text/html", "text/plain"]
    line = "Journey: “Toy journey”, 6 items, 4 class texts, steps 0 to 18, maps umap-2d, umap-3d, pca-2d, timeline"
    assert shown == f"{kinds} {line}"


def test_what_cannot_be_played_is_said(monkeypatch):
    monkeypatch.setattr(framed, "_kernel", lambda: None)
    journey = toy_journey()
    name, positions = next(iter(journey.maps.items()))
    broken = positions.states.copy()
    broken[0, 0] = np.nan
    damaged = replace(journey, maps={**journey.maps, name: replace(positions, states=broken)})
    data, _ = journey_bundle(damaged)
    assert list(data) == ["text/plain"] and data["text/plain"].startswith("Journey: “Toy journey”, 6 items")
    assert "finite" in data["text/plain"]


def test_the_widget_s_traits_are_those_of_the_journey():
    need("anywidget")
    from seda.player.widget import PlayerWidget

    journey = toy_journey(items=6)
    player = PlayerWidget(journey)
    assert (player.step, player.selection, player.map) == (0, [], "umap-2d")
    assert player._payload == encoded_payload(journey).decode()
    player.selection = [4, 2, 4]
    assert player.selection == [2, 4]
    for trait, value, allowed in (
        ("step", 19, "steps 0 to 18"),
        ("step", -1, "steps 0 to 18"),
        ("selection", [0, 6], "items 0 to 5"),
        ("map", "globe", "umap-2d, umap-3d, pca-2d, timeline"),
    ):
        with pytest.raises(ConfigError) as wrong:
            setattr(player, trait, value)
        assert allowed in wrong.value.remedy
        with pytest.raises(ConfigError):
            PlayerWidget(journey, **{trait: value})
    assert (player.step, player.selection, player.map) == (0, [2, 4], "umap-2d")
    asked = PlayerWidget(journey, step=3, selection=(1,), map="timeline")
    assert (asked.step, asked.selection, asked.map) == (3, [1], "timeline")
