"""sweep: other wordings and settings on labelled items, in one table: what would mend it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seda.commands.shared import terminal
from seda.commands.shared.exit_status import ANSWERED, UNANSWERED
from seda.commands.shared.labelled import add_labelled, read_labelled
from seda.commands.shared.options import Commands, add_json, add_sampling, sampling_config, split_names
from seda.errors import AlignerError, ConfigError, EncoderError
from seda.journeys.labelled_items import LabelledItems
from seda.storage import write_bytes, write_json

if TYPE_CHECKING:
    from seda.journeys.sweeping import SweepRow, SweepTable, Variant

# Those of seda/journeys/sweeping.py, which brings torch with it; a test keeps them together
KINDS = ("template", "wording", "guidance", "strength", "steps", "sampler", "seed")


def add(commands: Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "sweep", help="other wordings and settings on labelled pictures: what would mend it",
        epilog="Half of the pictures choose the best variant, the other half judge it. With --json, as in sweep.json of --out: count; chosen_on and "
        "judged_on, the positions of the pictures of each half; base and rows, each with name, kind, template, class_texts, sampling, landed, and "
        "answer and end (of the path; null where it was not walked) with accuracies chosen_on, judged_on and all, judged_difference to the base, low "
        "and high, the ends of its paired 95 % interval; best, by answer and by end; answer_ignores, kinds that have no part in the answers; "
        "sentences.",
    )  # fmt: skip
    parser.set_defaults(run=run)
    add_labelled(parser)
    parser.add_argument(
        "--over", default=",".join(KINDS), metavar="A,B,C", help="what is changed, one thing at a time; default %(default)s"
    )  # fmt: skip
    paths = parser.add_mutually_exclusive_group()
    paths.add_argument(
        "--answers-only", action="store_true", help="walk no paths but those of the settings as they are: faster"
    )
    paths.add_argument(
        "--all-paths", action="store_true", help="walk the paths of other wordings, too, which are half of all"
    )
    add_sampling(parser)
    parser.add_argument("--out", type=Path, metavar="DIR", help="write sweep.csv and sweep.json there")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Encode the labelled items once, and let them travel with each variant."""
    sampling = sampling_config(arguments)
    kinds = split_names(arguments.over) or ()
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise ConfigError(
            f"{unknown[0]!r:.40} cannot be swept over; allowed are {', '.join(KINDS)}.",
            remedy="Give one or more of them to --over, separated by commas.",
        )
    items, aligner = read_labelled(arguments)
    if items is None:
        return UNANSWERED
    if len(items.labels) < 2:
        terminal.say("error: one labelled image is not enough: one half chooses, the other judges.")
        return UNANSWERED

    from seda.journeys.sweeping import base_variant, make_variants, sweep

    own = aligner.card.template if arguments.template is None else arguments.template
    base = base_variant(items.class_names, own, sampling, aligner.card.model)
    variants, notes = make_variants(kinds, base, aligner.card.model)
    terminal.say_all(notes)
    table = sweep(
        aligner, items.image_features, items.labels, items.encode_texts, _readable(variants, items), base,
        item_seeds=items.item_seeds, walk=_walked(arguments), seed=arguments.seed,
        on_progress=lambda done, total: terminal.progress("travelled", done, total),
    )  # fmt: skip
    _tell(arguments, table)
    return ANSWERED


def _walked(arguments: argparse.Namespace) -> tuple[str, ...]:
    """Kinds whose paths are walked. A wording is judged by its answers; twenty of them would be half of a sweep over everything."""
    from seda.journeys.sweeping import BASE, WORDING

    if arguments.answers_only:
        return (BASE,)
    return (BASE, *(kind for kind in KINDS if arguments.all_paths or kind != WORDING))


def _readable(variants: list[Variant], items: LabelledItems) -> list[Variant]:
    """Without those whose texts nothing can encode, as where only features came; that is said."""
    changed = [one for one in variants if one.kind in KINDS[:2]]
    if not changed:
        return variants
    first = changed[0]
    words = first.class_texts or items.class_names
    try:
        items.encode_texts([first.template.replace("{}", word) for word in words])
    except (EncoderError, AlignerError) as error:
        terminal.say(f"Templates and wordings are left out: {error.message}")
        return [one for one in variants if one not in changed]
    return variants


def _tell(arguments: argparse.Namespace, table: SweepTable) -> None:
    whole = table.to_dict()
    if arguments.out is not None:
        import pandas as pd

        from seda.export.csv import csv_text

        # the byte order mark lets spreadsheets read accents as they were typed
        rows = pd.DataFrame([variant_row(row) for row in (table.base, *table.rows)])
        write_bytes(arguments.out / "sweep.csv", csv_text(rows).encode("utf-8-sig"))
        write_json(arguments.out / "sweep.json", whole)
    if arguments.json:
        terminal.print_json(whole)
        return
    terminal.print_table(
        [
            ("", "answer", "choosing", "judging", "against as it is", "path's end"),
            *map(_shown, (table.base, *table.rows)),
        ]
    )
    print()
    for sentence in table.sentences():
        print(sentence)


def variant_row(row: SweepRow) -> dict[str, Any]:
    """One row of sweep.csv: what was changed, and each figure of the answer and of the path's end."""
    figures = row.to_dict()
    found: dict[str, Any] = {
        "name": figures["name"], "kind": figures["kind"], "template": figures["template"],
        "class_texts": ", ".join(figures["class_texts"] or ()),
    }  # fmt: skip
    found |= {
        name: figures["sampling"][name] for name in ("sampler", "num_inference_steps", "strength", "guidance", "seed")
    }
    for place in ("answer", "end"):
        found |= {f"{place}_{name}": (figures[place] or {}).get(name) for name in figures["answer"]}
    return found | {"landed": figures["landed"]}


def _shown(row: SweepRow) -> tuple[str, ...]:
    answer = row.answer
    change, low, high = (100 * value for value in answer.difference)
    against = "" if row.variant.kind == "base" else f"{change:+.1f} ({low:+.1f} to {high:+.1f})"
    name = f"{row.variant.kind} {row.variant.name}" if row.variant.kind in KINDS[:2] else row.variant.name
    end = "" if row.end is None else f"{100 * row.end.all:.1f} %"
    return (name, *(f"{100 * share:.1f} %" for share in (answer.all, answer.chosen_on, answer.judged_on)), against, end)
