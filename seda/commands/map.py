"""map fit and map score: fit an aligner's maps again, or score them beside other projectors."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace

from seda.card import read_card
from seda.commands.shared import terminal
from seda.commands.shared.exit_status import ANSWERED
from seda.commands.shared.options import Commands, add_aligner, add_json, seed, seed_count
from seda.map_forms import FITTED, FITTED_ALWAYS


def add(commands: Commands) -> None:
    """Add the command and its two parts."""
    parser = commands.add_parser("map", help="fit an aligner's maps again, or score them beside other projectors")
    parts = parser.add_subparsers(required=True, metavar="fit|score")
    _add_fit(parts)
    _add_score(parts)


def _add_fit(parts: Commands) -> None:
    parser = parts.add_parser("fit", help="fit the maps anew and save them with the aligner")
    parser.set_defaults(
        run=run_fit, when_stopped=" The old maps are still there; the same command goes on where this one ended."
    )
    parser.add_argument(
        "--maps", metavar="A,B", help=f"which: {', '.join(FITTED)}; default: {', '.join(FITTED_ALWAYS)}"
    )
    parser.add_argument("--seed", type=seed, default=0, help="of the fit; default %(default)s")
    add_aligner(parser)
    add_json(parser)


def _add_score(parts: Commands) -> None:
    parser = parts.add_parser("score", help="trust measures of every projector, fitted anew, on held-out paths")
    parser.set_defaults(run=run_score)
    parser.add_argument(
        "--seeds", type=seed_count, default=3, metavar="N", help="fits, medians over them; default %(default)s"
    )
    parser.add_argument("--projectors", metavar="A;B", help="rows of the table, separated by semicolons; default: all")
    parser.add_argument(
        "--trade-off", action="store_true",
        help="the parametric map over the temporal weight and without path terms instead",
    )  # fmt: skip
    add_aligner(parser)
    add_json(parser)


def run_fit(arguments: argparse.Namespace) -> int:
    """Fit the maps, each kept as soon as it is there, and put all of them in place of the old ones at the end."""
    read_card(arguments.aligner, check_maps=False)

    from seda.aligner import WEIGHTS_FILE, load_aligner
    from seda.benchmark.maps import ROW_OF, place_ms
    from seda.making import finish_maps, maps_folder
    from seda.projection.aligner_map import aligner_material, check_names, fit_map, kept_map, with_scores
    from seda.projection.fit import MapConfig
    from seda.projection.frozen import map_path
    from seda.storage import sha256_file

    names = tuple(name.strip() for name in arguments.maps.split(",")) if arguments.maps else FITTED_ALWAYS
    check_names(names)
    config = MapConfig(seed=arguments.seed)
    pretrained = load_aligner(arguments.aligner, check_maps=False)
    made, maps, sums, rows = maps_folder(pretrained.folder, WEIGHTS_FILE), [], {}, []
    prepared = aligner_material(pretrained, config, keep_in=made)
    for name in names:  # all are fitted before the first old one is replaced; each is kept as soon as it is there
        start, seconds = time.perf_counter(), None
        frozen = kept_map(made, name, pretrained, config)
        if frozen is None:
            fitted = fit_map(
                name, prepared, config, on_progress=lambda name, done, total: terminal.progress(f"fitting {name}", done, total),
                keep_at=made / f"{name}.part",
            )  # fmt: skip
            seconds = time.perf_counter() - start
            frozen = with_scores(fitted, prepared)
            frozen.save(made)
        file = map_path(made, name)
        sums[file.name] = sha256_file(file)
        maps.append(frozen)
        times = {"place_ms": place_ms(frozen.projector, prepared.held_out), "fit_s": seconds}
        rows.append({"projector": ROW_OF.get(name, name), "map": name, **frozen.card["scores"], **times})
    for frozen in maps:
        for note in frozen.card["notes"]:
            terminal.say(f"{frozen.name}: {note}")
    scores = dict(pretrained.card.metrics.get("maps", {})) | {frozen.name: frozen.card["scores"] for frozen in maps}
    card = replace(pretrained.card, metrics={**pretrained.card.metrics, "maps": scores})
    finish_maps(pretrained.folder, made, card, sums)
    terminal.print_figures(rows, arguments.json)
    return ANSWERED


def run_score(arguments: argparse.Namespace) -> int:
    """Fit every projector anew, once a seed, and print medians of what is measured on held-out paths."""
    read_card(arguments.aligner)

    from seda.aligner import load_aligner
    from seda.benchmark.maps import ROWS, TRADE_OFF, score_projectors

    pretrained = load_aligner(arguments.aligner)
    projectors: Sequence[str] = tuple(TRADE_OFF) if arguments.trade_off else ROWS
    if arguments.projectors:
        projectors = [name.strip() for name in arguments.projectors.split(";")]
    rows = score_projectors(
        pretrained, seeds=range(arguments.seeds), projectors=projectors,
        on_progress=lambda name, done, total: terminal.progress("fits scored", done, total, name),
    )  # fmt: skip
    terminal.print_figures(rows, arguments.json)
    return ANSWERED
