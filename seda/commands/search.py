"""search: items for words, or words for an item, before and after the alignment."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seda.card import read_card
from seda.commands.shared import terminal
from seda.commands.shared.exit_status import ANSWERED, UNANSWERED
from seda.commands.shared.inputs import class_texts, find_items
from seda.commands.shared.loading import load_workbench
from seda.commands.shared.options import Commands, add_aligner, add_classes, add_device, add_json, positive
from seda.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seda.search import Gallery, SearchScores

    Sources = dict[str, tuple[Path | DataError, str]]  # path as it is shown: its file, or why there is none; its label


def add(commands: Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "search", help="images for words, or words for an image, before and after the alignment",
        epilog="With --json: query; direction, text_to_image or image_to_text; aligner; words, how many are ranked together; "
        "before and after, each a list, best first, of {path, score, label} or {word, score}, the score a cosine before and a "
        "probability after; recall, where the truth is known, as text_to_image_R@1, _R@5, image_to_text_R@1, _R@5, each with before, after, "
        "chance and queries, else null; errors, a list of {path, error}. The truth is known from a samples.json beside the images "
        "or from one sub-folder a class.",
    )  # fmt: skip
    parser.set_defaults(run=run)
    parser.add_argument("--query", required=True, metavar="WORDS|IMAGE", help="words, or the path of an image file")
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="an image, or a folder of images, to search; default: the samples"
    )
    parser.add_argument(
        "--top", type=positive, default=5, metavar="N", help="how many of each ranking; default %(default)s"
    )
    add_classes(parser, "words to rank for an image, or beside the query; default: the aligner's own categories")
    add_aligner(parser)
    add_device(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Rank items for the words of --query, or words where it is an item's path."""
    card = read_card(arguments.aligner)
    given = arguments.classes is not None or arguments.classes_file is not None
    known = class_texts(arguments).names if given else card.class_names

    from seda import search

    item = search.item_query(arguments.query)
    query = search.clean_query(arguments.query) if item is None else str(item)
    sources = _sources(arguments.paths, query, item)
    errors = {name: str(file) for name, (file, _) in sources.items() if isinstance(file, DataError)}
    readable = {name: (file, label) for name, (file, label) in sources.items() if not isinstance(file, DataError)}
    workbench = load_workbench(arguments, maps=False)
    gallery, failures = search.encode_gallery(
        [(name, file) for name, (file, _) in readable.items()], [label for _, label in readable.values()], workbench,
        lambda done, total: terminal.progress("encoded", done, total),
    )  # fmt: skip
    errors |= {failure.name: failure.message for failure in failures}
    answered = bool(gallery.names) if item is None else query in gallery.names
    words = search.word_list([query], known, gallery.known_labels) if item is None else tuple(known)
    terminal.say_all(workbench.notes_on(words))
    result: dict[str, Any] = {
        "query": query, "direction": search.WAYS[0 if item is None else 1], "aligner": card.name, "words": len(words),
        "before": [], "after": [], "recall": None, "errors": [{"path": name, "error": text} for name, text in errors.items()],
    }  # fmt: skip
    if answered:
        scores = search.search_scores(gallery, words, workbench)
        position = None if item is None else gallery.names.index(query)
        result |= _rankings(scores, gallery, words, position, arguments.top)
        result["recall"] = _recall(scores, gallery)
    if arguments.json:
        terminal.print_json(result)
    else:
        _print_result(result)
    return ANSWERED if answered else UNANSWERED


def _sources(paths: Sequence[str], query: str, item: Path | None) -> Sources:
    """What is searched: the query where it is an item, and the paths, or the samples where neither came."""
    from seda import search

    sources: Sources = {} if item is None else {query: (item, search.read_labels(item.parent, [item])[0])}
    for path in paths or ([str(search.SAMPLES)] if item is None else []):
        part = list(find_items([str(path)]))
        truth = search.read_labels(Path(os.path.expanduser(path)), [Path(name) for name, _ in part])
        sources |= {name: (file, label) for (name, file), label in zip(part, truth, strict=True)}
    return sources


def _rankings(
    scores: SearchScores, gallery: Gallery, words: Sequence[str], position: int | None, top: int
) -> dict[str, list[dict[str, Any]]]:
    """Before and after, best first: items for the first word, or words for the item at a position."""
    if position is not None:
        hits = scores.words_for(position, top)
        return {
            way: [{"word": words[hit.index], "score": round(hit.score, 6)} for hit in ranked]
            for way, ranked in zip(("before", "after"), hits, strict=True)
        }
    return {
        way: [
            {"path": gallery.names[hit.index], "score": round(hit.score, 6), "label": gallery.labels[hit.index] or None}
            for hit in ranked
        ]
        for way, ranked in zip(("before", "after"), scores.items_for(0, top), strict=True)
    }


def _recall(scores: SearchScores, gallery: Gallery) -> dict[str, dict[str, float]] | None:
    """Every measure of recall; None where no truth is known."""
    return {
        f"{way}_R@{k}": {name: getattr(figures, name)[k] for name in ("before", "after", "chance")}
        | {"queries": figures.queries}
        for way, figures in scores.recall(gallery.labels).items() for k in figures.after
    } or None  # fmt: skip


def _print_result(result: dict[str, Any]) -> None:
    for error in result["errors"]:
        terminal.say(f"left out: {error['error']}")
    if not result["after"]:
        terminal.say("error: no image could be searched.")
        return
    rows = [("", "before (cosine)", "", f"after (probability among {result['words']} words)")]
    for rank, (before, after) in enumerate(zip(result["before"], result["after"], strict=True), start=1):
        first, second = (entry.get("path") or entry["word"] for entry in (before, after))
        rows.append((str(rank), f"{before['score']:.3f} {first}", "", f"{100 * after['score']:.1f} % {second}"))
    terminal.print_table(rows)
    if result["recall"]:
        print()
        table = [("recall", "before", "after", "by chance", "queries")]
        for name, figures in result["recall"].items():
            before, after, chance = (f"{figures[key]:.3f}" for key in ("before", "after", "chance"))
            table.append((name.replace("_", " "), before, after, chance, str(figures["queries"])))
        terminal.print_table(table)
