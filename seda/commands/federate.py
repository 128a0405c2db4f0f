"""federate: clients that differ train one adapter over frozen features; the same call goes on where a stopped one ended."""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seda.card import DEFAULT_ALIGNER
from seda.commands.shared import terminal
from seda.commands.shared.exit_status import ANSWERED, GOES_ON
from seda.commands.shared.inputs import feature_file
from seda.commands.shared.loading import choose_device, load_encoder
from seda.commands.shared.options import Commands, add_device, add_json, number, positive, seed_count, split_names
from seda.data.datasets import USAGE
from seda.errors import ConfigError
from seda.storage import check_target

if TYPE_CHECKING:
    from seda.aligner import PretrainedAligner
    from seda.federation.experiment import Plan
    from seda.federation.material import Material
    from seda.federation.rounds import Round
    from seda.federation.strategies import Strategy

# Those of seda/federation, which brings torch with it; a test keeps them together
SPLITS, HOLDINGS, HEADS, ENGINES, ANCHORS = (
    ("dirichlet", "classes"), ("images", "mixed"), ("learned", "texts"), ("auto", "flower", "here"), ("hand-over", "end"),
)  # fmt: skip
STRATEGIES = ("fedavg", "fedprox", "semantic", "centers", "fedavg-centers", "sums", "fedavg-sums")
USUAL = STRATEGIES[:3]
NO_ALIGNER = "none"


def add(commands: Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "federate", help="clients that differ train one adapter; what class texts and SeDA's states add",
        epilog="Learning rates are chosen on validation items, for each strategy from the same ones; no round is chosen. The JSON, which "
        "--out keeps as federation.json, has engine, dataset, counts, deal, notes, shared_bytes (given to all beforehand) and rows: of each "
        "strategy and of the training on all data its name, learning_rate, accuracy (mean over seeds, last round) and validation_accuracy, gap to the training "
        "on all data, rsa and spread of the clients' class centers before averaging, bytes_a_round, difference to the first "
        "strategy (mean, low, high: paired, 95 %), and runs with every round.",
    )  # fmt: skip
    parser.set_defaults(run=run, when_stopped=GOES_ON)
    parser.add_argument(
        "--dataset", required=True,
        help=f"{USAGE} (emoji alone is emoji:google), or features:FILE with a test split, see docs/feature-files.md",
    )  # fmt: skip
    parser.add_argument(
        "--data-dir",
        metavar="DIR",
        type=Path,
        help="where the data set's files are; what it lacks, the usual places have",
    )
    parser.add_argument(
        "--limit", type=positive, default=14_000, metavar="N", help="the first N training items; default %(default)s"
    )
    parser.add_argument(
        "--test-limit", type=positive, metavar="N", help="a random part of N test items, the same each time"
    )
    _add_clients(parser)
    _add_training(parser)
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="keep each round there; the same call goes on after a stop"
    )
    parser.add_argument(
        "--journey",
        type=Path,
        metavar="FILE.safetensors",
        help="write the clients' class centers over the rounds, for `open`; needs --out",
    )
    parser.add_argument(
        "--journey-of", choices=STRATEGIES, metavar="NAME", help="of which strategy; default: the last one"
    )
    add_device(parser)
    add_json(parser)


def _add_clients(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--clients", type=positive, default=10, metavar="N", help="default %(default)s")
    parser.add_argument(
        "--split", choices=SPLITS, default=SPLITS[0], help="classes: no class at two clients; default %(default)s"
    )
    parser.add_argument(
        "--alpha",
        type=number,
        default=0.2,
        help="of the Dirichlet split; small: clients differ more; default %(default)s",
    )
    parser.add_argument(
        "--holding", choices=HOLDINGS, default=HOLDINGS[0],
        help="mixed: clients hold pictures alone, their texts alone, and both, in turn; default %(default)s",
    )  # fmt: skip
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default=ENGINES[0],
        help="flower (requirements-federate.txt), or here, in this process; default: flower where it is installed",
    )


def _add_training(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--strategies",
        default=",".join(USUAL),
        metavar="A,B",
        help=f"of {', '.join(STRATEGIES)}; the first is what others are compared with; default %(default)s",
    )
    parser.add_argument("--rounds", type=positive, default=20, metavar="N", help="default %(default)s")
    parser.add_argument(
        "--epochs", type=positive, default=1, metavar="N", help="of a client in a round; default %(default)s"
    )
    parser.add_argument(
        "--seeds",
        type=seed_count,
        default=1,
        metavar="N",
        help="how many, from 0 on: of splits, weights and batches; default %(default)s",
    )
    parser.add_argument("--learning-rate", type=_numbers, metavar="X,Y", help="to choose from; one is taken as it is")
    parser.add_argument(
        "--head",
        choices=HEADS,
        default=HEADS[0],
        help="what answers: a layer that is trained, or the class texts; default %(default)s",
    )
    parser.add_argument(
        "--distillation", type=number, metavar="X", help="weight in semantic guidance; default .01, as published"
    )
    parser.add_argument("--contrast", type=number, metavar="X", help="weight in semantic guidance; default 1")
    parser.add_argument("--temperature", type=number, metavar="X", help="of its contrast; default .05, as published")
    parser.add_argument("--proximal", type=number, metavar="X", help="weight in FedProx; default .01")
    parser.add_argument(
        "--sweep", action="store_true", help="try other weights of semantic guidance, too, beside FedAvg"
    )
    parser.add_argument(
        "--aligner", default=DEFAULT_ALIGNER, metavar="NAME_OR_DIR",
        help=f"whose states guide; it is shared by all, and may not have seen these items; {NO_ALIGNER}: no states; default %(default)s",
    )  # fmt: skip
    parser.add_argument(
        "--anchor",
        choices=ANCHORS,
        default="end",
        help="which of its states: where stage 1 ends, or stage 2; default %(default)s",
    )


def run(arguments: argparse.Namespace) -> int:
    """Prepare, run what is not there yet, and tell."""
    if arguments.journey is not None:
        if arguments.out is None:
            raise ConfigError("--journey needs --out, where rounds are kept.", remedy="Give --out DIR, too.")
        if arguments.journey.suffix != ".safetensors":
            raise ConfigError(
                f"--journey ends with {arguments.journey.suffix!r:.20}; a .safetensors file is written.",
                remedy="Write it as FILE.safetensors; `python -m seda open FILE --out FILE.html` makes other forms.",
            )
        check_target(arguments.journey)
    if arguments.out is not None:
        check_target(arguments.out, folder=True)

    from seda.federation.engines import choose_engine
    from seda.federation.experiment import compare

    plan = _plan(arguments)
    engine = choose_engine(arguments.engine, terminal.say)
    material = _material(arguments)
    _say_what_runs(arguments, plan, material, engine.description)
    keeps = (arguments.journey_of or plan.strategies[-1].name) if arguments.journey is not None else ""
    if keeps and keeps not in [one.name for one in plan.strategies]:
        raise ConfigError(f"--journey-of {keeps} is not among --strategies.", remedy="Name one of those that run.")
    report = engine.run(
        lambda trainer: compare(material, plan, trainer, arguments.out, keep_centers=keeps, on_round=_round_done),
        material, arguments.clients,
    )  # fmt: skip
    report |= {"engine": engine.name, "engine_description": engine.description, "dataset": arguments.dataset}
    if arguments.out is not None:
        from seda.storage import write_json

        write_json(arguments.out / "federation.json", report)
    if keeps:
        _write_journey(arguments, plan, material, keeps, report)
    _tell(report, arguments.json)
    return ANSWERED


def _plan(arguments: argparse.Namespace) -> Plan:
    from seda.federation.experiment import LEARNING_RATES, SWEEP, Plan, chosen_strategies
    from seda.federation.settings import Deal, Settings

    guidance = {name: getattr(arguments, name) for name in ("distillation", "contrast", "temperature")}
    given: dict[str, dict[str, Any]] = {
        "semantic": guidance, "centers": guidance, "sums": guidance, "fedprox": {"proximal": arguments.proximal},
    }  # fmt: skip
    strategies: list[Strategy] = [
        replace(one, **{name: value for name, value in given.get(one.name, {}).items() if value is not None})
        for one in chosen_strategies(split_names(arguments.strategies) or ())
    ]
    if arguments.sweep:
        strategies = [one for one in strategies if one.name != "semantic"] + list(SWEEP)
    deal = Deal(arguments.clients, arguments.split, arguments.alpha, arguments.holding)
    rates = arguments.learning_rate or LEARNING_RATES
    settings = Settings(deal, strategies[0], rates[0], arguments.rounds, epochs=arguments.epochs, head=arguments.head)
    for rate in rates:
        replace(settings, learning_rate=rate)  # says what is not allowed, before anything is read
    return Plan(tuple(strategies), tuple(range(arguments.seeds)), rates, settings)


def _material(arguments: argparse.Namespace) -> Material:
    """Features of the data set by the aligner's encoder, or those of a file; scaled, with SeDA's states."""
    from seda.data.feature_file import read_feature_file
    from seda.data.features import chosen_indices
    from seda.federation.material import material_of, without_texts

    guide = _guide(arguments)
    file = feature_file(arguments.dataset)
    if file:
        read = read_feature_file(file)
        train, test, texts = read.train, read.test, read.class_text_features
        if guide is not None and train.encoder_fingerprint != guide.card.encoder_fingerprint:
            terminal.say(
                f"The features of {file} are not of the encoder of {guide.card.name!r}: its states cannot guide here."
            )
            guide = None
        if texts is None:
            texts = load_encoder("bundled", choose_device(arguments)).encode_texts(train.class_names).numpy()[:, None]
        train = train.take(chosen_indices(len(train), arguments.limit, None))
        test, texts = test.take(chosen_indices(len(test), arguments.test_limit)), texts[:, 0]
    else:
        train, test, texts = _encoded(arguments, guide)
    made = material_of(train, test, texts, guide, anchor=arguments.anchor, on_progress=terminal.progress)
    if arguments.holding == "images":
        return without_texts(made)
    if not made.has_texts:
        raise ConfigError(
            f"--holding {arguments.holding} needs items with texts of their own; {arguments.dataset} has none.",
            remedy="Give --holding images, or a data set whose items have texts, such as emoji.",
        )
    return made


def _guide(arguments: argparse.Namespace) -> PretrainedAligner | None:
    if arguments.aligner == NO_ALIGNER:
        return None
    from seda.aligner import load_aligner

    return load_aligner(arguments.aligner, choose_device(arguments) if arguments.device else "cpu")


def _encoded(arguments: argparse.Namespace, guide: PretrainedAligner | None) -> Any:
    from seda.data.datasets import load_anywhere
    from seda.data.features import encode_split

    dataset = load_anywhere("emoji:google" if arguments.dataset == "emoji" else arguments.dataset, arguments.data_dir)
    encoder = load_encoder("bundled" if guide is None else guide.card.encoder, choose_device(arguments))
    if guide is not None:
        guide.check_encoder(encoder.name, encoder.fingerprint)
        if arguments.dataset.startswith("emoji") and guide.card.name == DEFAULT_ALIGNER:
            terminal.say(
                f"The aligner {guide.card.name!r} has seen many of these emoji in its own training: this shows the machinery, not what guidance is worth."
            )
    parts = [
        encode_split(
            dataset, split, encoder, limit=limit, seed=seed,
            on_progress=partial(terminal.progress, f"encoding {dataset.name}, {split}"),
        )
        for split, limit, seed in (("train", arguments.limit, None), ("test", arguments.test_limit, 0))
    ]  # fmt: skip
    texts = encoder.encode_texts(dataset.class_names).numpy()
    return parts[0], parts[1], texts


def _say_what_runs(arguments: argparse.Namespace, plan: Plan, material: Material, engine: str) -> None:
    terminal.say_all(material.notes)
    terminal.say(
        f"{arguments.clients} clients hold {len(material.train):,} items, the server {len(material.validation):,} to choose by, "
        f"{len(material.test):,} test; {', '.join(one.name for one in plan.strategies)}; engine: {engine}."
    )
    if arguments.out is not None:
        terminal.say("Ctrl-C keeps the rounds that are done; the same command goes on from there.")


def _round_done(name: str, seed: int, one: Round, total: int) -> None:
    terminal.progress(
        f"{name}, seed {seed}, round",
        one.number,
        total,
        f"accuracy {one.test_accuracy:.3f}" if one.number == total else "",
    )


def _write_journey(
    arguments: argparse.Namespace, plan: Plan, material: Material, name: str, report: dict[str, Any]
) -> None:
    from seda.federation.experiment import folder_of
    from seda.federation.picture import write_picture

    strategy = next(one for one in plan.strategies if one.name == name)
    rate = next(row["learning_rate"] for row in report["rows"] if row["name"] == name)
    settings = plan.settings_of(strategy, plan.seeds[0], rate)
    write_picture(arguments.journey, folder_of(arguments.out, settings), material, settings.deal, settings.rounds, name)
    terminal.say(f"{arguments.journey} is written; python -m seda open {arguments.journey} plays it.")


def _tell(report: dict[str, Any], as_json: bool) -> None:
    if as_json:
        terminal.print_json(report)
        return
    first = report["compared_with"]
    shown = [
        (
            "",
            "learning rate",
            "validation",
            "test",
            "gap to all data",
            f"against {first}",
            "RSA of clients",
            "spread",
            "MB a round",
        )
    ]
    for row in report["rows"]:
        change = row["difference"]
        sure = (
            ""
            if change["low"] is None or change["low"] != change["low"]
            else f" ({100 * change['low']:+.2f} to {100 * change['high']:+.2f})"
        )
        shown.append((
            row["name"], f"{row['learning_rate']:g}", f"{100 * row['validation_accuracy']:.2f} %", f"{100 * row['accuracy']:.2f} %", f"{100 * row['gap']:.2f}",
            "" if row["name"] == first else f"{100 * change['mean']:+.2f}{sure}", "" if row["rsa"] is None else f"{row['rsa']:.3f}",
            f"{row['spread']:.3f}", f"{row['bytes_a_round'] / 1e6:.2f}",
        ))  # fmt: skip
    terminal.print_table(shown)
    print()
    anchors, center, belief = (report["untrained"][name]["test"] for name in ("anchors", "nearest_center", "belief"))
    said = "" if anchors is None else f"SeDA's state by the nearest class text {100 * anchors:.2f} %, "
    print(
        f"Without any round: {said}the nearest category center {100 * center:.2f} %, SeDA's belief by sums {100 * belief:.2f} % "
        f"({report['sums_bytes'] / 1e6:.1f} MB of each client, once)."
    )
    print(
        f"Accuracy on {report['counts']['test']:,} test items after round {report['rounds']}, mean of {len(report['seeds'])} seeds; engine: {report['engine_description']}."
    )


def _numbers(text: str) -> tuple[float, ...]:
    """ ".01,.1" to numbers."""
    return tuple(number(part) for part in text.split(","))
