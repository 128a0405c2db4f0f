"""A diagnosis as files: a table of items, one of their steps, and a report that is one HTML page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from seda.errors import ConfigError
from seda.evaluation.diagnosis import CULPRITS
from seda.evaluation.sentences import percent
from seda.evaluation.trajectories import RIGHT, UNDECIDED, WRONG
from seda.journeys.diagnosis import Diagnosis

# A browser that heeds it asks for nothing, whatever a name or the drawing library would like.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:"
)
MOST_ROWS = 1_000  # of the report's table; chosen here: a browser is done with them at once
STANDINGS = {RIGHT: "right", WRONG: "wrong", UNDECIDED: "undecided"}
_STYLE = """
:root { color-scheme: light dark; --paper: light-dark(#fbfbf9, #101514); --ink: light-dark(#1c2321, #e7ecea); }
body { background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, "Segoe UI", Roboto, sans-serif; margin: 0 auto;
  max-width: 64rem; padding: 1.5rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; } p { max-width: 46rem; }
table { border-collapse: collapse; font-size: .9rem; } td, th { border-bottom: 1px solid #8884; padding: .25rem .7rem; text-align: left; }
.wide { overflow-x: auto; } .places { display: flex; flex-wrap: wrap; gap: .8rem; }
.places div { border: 1px solid #8884; border-radius: .6rem; padding: .6rem 1rem; } .places b { display: block; font-size: 1.5rem; } .places small { opacity: .75; }
.js-plotly-plot .main-svg > g:not(.hoverlayer) text { fill: currentColor !important; }
"""


def item_rows(diagnosis: Diagnosis, names: Sequence[str], class_names: Sequence[str]) -> list[dict[str, Any]]:
    """One mapping an item: `Diagnosis.item_rows`, and the probability of each class text.

    Raises:
        ConfigError: two class texts are one column.
    """
    columns = [f"p {name}" for name in class_names]
    if len(set(columns)) != len(columns):
        raise ConfigError("Two class texts are the same.", remedy="Remove one of them.")
    rounded = np.round(diagnosis.probabilities.astype(float), 6)
    rows = diagnosis.item_rows(names, class_names)
    return [row | dict(zip(columns, line.tolist(), strict=True)) for row, line in zip(rows, rounded, strict=True)]


def step_table(diagnosis: Diagnosis, names: Sequence[str], class_names: Sequence[str]) -> pd.DataFrame:
    """One row for each item and state: the nearest class text, where that stands, margin to the right one, and entropy in bits."""
    seen = diagnosis.seen
    n, s = seen.decided.shape
    words = np.array(class_names, dtype=object)
    return pd.DataFrame(
        {
            "file": np.repeat(np.array(names, dtype=object), s),
            "step": np.tile(np.arange(s), n),
            "stage": np.tile(seen.stages, n),
            "nearest": words[seen.decided.ravel()],
            "truth": np.repeat(words[diagnosis.verdicts.labels], s),
            "standing": np.array([STANDINGS[code] for code in range(3)], dtype=object)[seen.standing.ravel()],
            "margin": np.round(seen.margins.ravel().astype(float), 6),
            "entropy": np.round(seen.entropies.ravel().astype(float), 6),
        }
    )


def diagnosis_report(summary: Mapping[str, Any], names: Sequence[str], *, title: str, about: str = "") -> str:
    """All charts and tables of a diagnosis on one page that asks the network for nothing.

    Args:
        summary: of `Diagnosis.to_dict`.
        names: of the items.
        title, about: a line, and a sentence on what was diagnosed.
    """
    import plotly
    import plotly.io

    from seda.figures import diagnosis as charts

    drawn = charts.every_chart(summary, names)
    heads = {
        "lost-by": ("Who has lost how many", _culprit_sentence(summary)),
        "steps": ("When", "Shares of the pictures at each step; below, mean margin and entropy."),
        "every-picture": ("Every picture at every step", ""),
        "confused-answer": ("What is confused", ""),
        "confused-change": ("What the way changed", "Counts of the answer less those at the image features."),
        "gap": ("The gap", f"{summary['gap']['items']} pictures beside their own texts. A gap alone means nothing: accuracy stands on top."),
        "class-by-class": ("Class by class", "How the pictures of each word lie to it; each ridge is as high as its row, strokes are medians."),
        "similarities": ("Every picture and every word", f"Cosines at the last step, of {len(summary['similarities']['items'])} pictures."),
        "how-sure": ("How sure", f"Expected calibration error {percent(summary['sure']['ece'])}."),
    }  # fmt: skip
    sections = [(head, said, *drawn[name]) for name, (head, said) in heads.items() if name in drawn]
    parts = [
        f"<h2>{escape(head)}</h2><p>{escape(said)}</p>"
        + plotly.io.to_html(
            figure, include_plotlyjs=False, full_html=False, default_height=height,
            config={"displaylogo": False, "toImageButtonOptions": {"format": "svg"}},
        )
        for head, said, figure, height in sections
    ]  # fmt: skip
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f"<script>{plotly.offline.get_plotlyjs()}</script></head><body><h1>{escape(title)}</h1><p>{escape(about)}</p>"
        f"{_places(summary)}{''.join(parts)}{_table('Most confused words', summary['pairs'])}{_table(_head(summary), _in_order(summary))}"
        "</body></html>"
    )


def _places(summary: Mapping[str, Any]) -> str:
    from seda.figures.diagnosis import PLACES

    told = []
    for name, label in PLACES.items():
        share, known = summary["accuracy"].get(name), summary["known"][name]  # no share where it is known of none
        some = "" if known == summary["count"] else " that end at a word" if name == "end" else " that can be told"
        told.append(
            f"<div>{escape(label)}<b>{'—' if share is None else percent(share)}</b><small>of {known}{some}</small></div>"
        )
    return f'<p>{summary["count"]} labelled pictures. Right:</p><div class="places">{"".join(told)}</div>'


def _culprit_sentence(summary: Mapping[str, Any]) -> str:
    lost = summary["lost_by"]["answer"]
    told = [f"{name} ({lost[name]}): {about}" for name, about in CULPRITS.items() if lost[name]]
    return "; ".join(told) + "." if told else "No answer is wrong."


def _in_order(summary: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [summary["items"][item] for item in summary["when"]["order"][:MOST_ROWS]]


def _head(summary: Mapping[str, Any]) -> str:
    count = len(summary["items"])
    return "Pictures" if count <= MOST_ROWS else f"Pictures: {MOST_ROWS:,} of {count:,}, most trouble first"


def _table(head: str, rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    columns = list(rows[0])
    heads = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in columns)
    lines = "".join(
        "<tr>" + "".join(f"<td>{escape(str(row[name]))}</td>" for name in columns) + "</tr>" for row in rows
    )
    return f'<h2>{escape(head)}</h2><div class="wide"><table><tr>{heads}</tr>{lines}</table></div>'
