"""python -m seda: classify, trace, search, train, pretrain, evaluate, benchmark, map, bench, list.

Results go to stdout, progress and messages to stderr. Exit status: 0 when the call was answered (for classify, trace and
search: at least one image), 1 when it was right but nothing could be answered or written, 2 when the call itself is wrong, 130
after Ctrl-C. Heavy imports are inside the commands, so that help and wrong calls answer at once.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import time
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seda.card import DEFAULT_ALIGNER, EVALUATION, TRAINED_ALIGNER, WORDS_ALONE, list_aligners, read_card
from seda.class_texts import ClassTexts, parse_class_texts
from seda.config import SAMPLERS, SamplingConfig, TrainingConfig
from seda.errors import ClassTextError, ConfigError, DataError, FileFormatError, SedaError, StorageError
from seda.images import ImageFailure, NamedImage, find_images, read_images
from seda.storage import check_target, local_path, read_plain_file, readable

if TYPE_CHECKING:
    from seda.aligner import PretrainedAligner
    from seda.benchmark.cells import Cell
    from seda.data.datasets import ImageDataset
    from seda.data.feature_file import FeatureFile
    from seda.encoders.base import Encoder
    from seda.tracing import Workbench

ANSWERED, UNANSWERED, WRONG_CALL, INTERRUPTED = 0, 1, 2, 130
BATCH = 64  # pictures that are in memory at a time
MOST = 10**9  # of what is counted in a call
MOST_SECONDS = 3600  # of a row that is measured
MOST_SEEDS = 1000  # chosen here: a table of medians is not better with more
MAX_TEXT_FILE = 4 * 2**20  # bytes; 1,000 class texts of 200 signs have .8 MB at most
SHOWN = 3  # classes a line of the human output
_TURNS = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")  # Unicode's embeddings, overrides and isolates


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # class names may hold what a terminal's encoding does not
    arguments = _parser().parse_args(argv)
    arguments.call = readable(shlex.join(["python", "-m", "seda", *(sys.argv[1:] if argv is None else argv)]))
    try:
        for name, value in list(vars(arguments).items()):
            if isinstance(value, Path):
                setattr(arguments, name, local_path(value, ConfigError))
        return arguments.command(arguments)
    except SedaError as error:
        _say(f"error: {error.message}")
        if error.remedy:
            _say(f"  {error.remedy}")
        return UNANSWERED if isinstance(error, StorageError) else WRONG_CALL
    except KeyboardInterrupt:
        _say("")
        _say(f"stopped.{arguments.when_stopped}")
        return INTERRUPTED
    except MemoryError:
        _say("error: there is not enough memory for that.")
        _say("  Take fewer pictures, words or steps.")
        return UNANSWERED
    except BrokenPipeError:  # as `| head` does; what is left must not be written at the end either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNANSWERED
    except OSError as error:  # a folder that may not be entered, a name that is too long, a disk that went away
        where = f"{error.filename!s:.200}: " if error.filename is not None else ""
        _say(f"error: {where}{error.strerror or error}.")
        _say("  Check that the path is right and may be used.")
        return WRONG_CALL


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m seda", description="Watch visual features travel by diffusion toward their class texts."
    )
    parser.set_defaults(when_stopped="")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    classify = commands.add_parser("classify", help="class probabilities of images")
    classify.set_defaults(command=_classify)
    _add_inputs(classify)
    _add_json(classify)

    trace = commands.add_parser("trace", help="write how images travel to their class texts")
    trace.set_defaults(command=_trace)
    _add_inputs(trace)
    trace.add_argument(
        "--out", required=True, metavar="FILE", type=Path,
        help=".html plays offline in a browser, .csv is a table, .safetensors is a replay that the app opens",
    )  # fmt: skip
    trace.add_argument("--loop", action="store_true", help="let an .html play again and again, as at a stand")
    trace.add_argument(
        "--template", metavar="TEXT", help='put around each class text, such as "a photo of a {}"; default: the aligner\'s own'
    )  # fmt: skip
    _add_sampling(trace)

    search = commands.add_parser(
        "search", help="images for words, or words for an image, before and after the alignment",
        epilog="With --json: query; direction, text_to_image or image_to_text; aligner; words, how many are ranked together; "
        "before and after, each a list, best first, of {path, score, label} or {word, score}, the score a cosine before and a "
        "probability after; recall, where the truth is known, as text_to_image_R@1, _R@5, image_to_text_R@1, _R@5, each with before, after, "
        "chance and queries, else null; errors, a list of {path, error}. The truth is known from a samples.json beside the images "
        "or from one sub-folder a class.",
    )  # fmt: skip
    search.set_defaults(command=_search)
    search.add_argument("--query", required=True, metavar="WORDS|IMAGE", help="words, or the path of an image file")
    search.add_argument(
        "paths", nargs="*", metavar="PATH", help="an image, or a folder of images, to search; default: the samples"
    )
    search.add_argument(
        "--top", type=_positive, default=5, metavar="N", help="how many of each ranking; default %(default)s"
    )
    _add_classes(search, "words to rank for an image, or beside the query; default: the aligner's own categories")
    _add_aligner(search)
    _add_device(search)
    _add_json(search)

    train = commands.add_parser("train", help="train an aligner; the same call goes on where a stopped one ended")
    train.set_defaults(command=_train, when_stopped=" The same command goes on where this one ended.")
    train.add_argument(
        "--dataset", required=True,
        help="fashion-mnist, digits, emoji:google, emoji:twitter, torchvision:NAME, folder:DIR with one sub-folder a class, or "
        "features:FILE (see benchmark --data; without pictures)",
    )  # fmt: skip
    train.add_argument("--encoder", default="bundled", help="see `list`; default %(default)s")
    train.add_argument("--out", required=True, metavar="DIR", type=Path, help="folder of the new aligner")
    train.add_argument("--data-dir", metavar="DIR", type=Path, help="where the data set's files are")
    train.add_argument(
        "--engine", choices=("here", "ray"), default="here",
        help="what encodes the images: this process, or workers of Ray (requirements-ray.txt); default %(default)s",
    )  # fmt: skip
    train.add_argument(
        "--workers", type=_positive, metavar="N", help="of --engine ray; default: one a core, or one a GPU"
    )
    train.add_argument("--limit", type=_positive, metavar="N", help="train on the first N images of the split only")
    train.add_argument(
        "--epochs", type=_positive, default=TrainingConfig.max_epochs, metavar="N",
        help="passes over the data, at most; default %(default)s",
    )  # fmt: skip
    train.add_argument(
        "--seed", type=_seed, default=TrainingConfig.seed, help="of everything random; default %(default)s"
    )
    train.add_argument(
        "--reference-points", type=_positive, default=2000, metavar="N",
        help="training features that form the maps' clouds, at most 100,000; default %(default)s",
    )  # fmt: skip
    _add_device(train)

    pretrain = commands.add_parser(
        "pretrain", help="make an aligner for any words; the same call goes on where one ended"
    )
    pretrain.set_defaults(command=_pretrain, when_stopped=" The same command goes on where this one ended.")
    pretrain.add_argument(
        "what", choices=("open-vocabulary",),
        help="fitted to the encoder's categories and to drawings; of an encoder such as CLIP to words alone",
    )  # fmt: skip
    pretrain.add_argument(
        "--encoder", default="bundled:whole", help="bundled:whole (the default) or a model of open_clip, see `list`"
    )
    pretrain.add_argument(
        "--words", metavar="A,B|@FILE",
        help="your own words beside the names of ImageNet's categories; with open_clip; a file has one a line",
    )  # fmt: skip
    pretrain.add_argument(
        "--pictures", metavar="DIR", type=Path,
        help="unlabelled pictures like yours, which measure the modality gap; with open_clip; default: the samples",
    )  # fmt: skip
    pretrain.add_argument("--out", required=True, metavar="DIR", type=Path, help="folder of the new aligner")
    pretrain.add_argument(
        "--data-dir", metavar="DIR", type=Path, help="where the emoji packages are; with bundled:whole"
    )
    _add_device(pretrain)

    evaluate = commands.add_parser("evaluate", help="accuracy and calibration on a data set")
    evaluate.set_defaults(command=_evaluate)
    _add_aligner(evaluate)
    evaluate.add_argument("--dataset", help="default: the one that the aligner was trained on")
    evaluate.add_argument("--data-dir", metavar="DIR", type=Path, help="where the data set's files are")
    evaluate.add_argument("--split", choices=("test", "train"), default="test", help="default %(default)s")
    evaluate.add_argument("--limit", type=_positive, metavar="N", help="a random part of N images, the same each time")
    _add_device(evaluate)
    _add_json(evaluate)

    benchmark = commands.add_parser(
        "benchmark", help="SeDA beside other methods; the same call goes on where a stopped one ended"
    )
    benchmark.set_defaults(command=_benchmark, when_stopped=" The same command goes on where this one ended.")
    benchmark.add_argument(
        "--data", required=True, metavar="A,B",
        help="data sets: fashion-mnist, digits, emoji:google, emoji:twitter, torchvision:NAME, folder:DIR; or features:FILE, a "
        ".safetensors, .npz or .parquet with image_features [n, D], labels [n], test [n] (1 for test images), and class_text_features "
        "[k, d] or class_names",
    )  # fmt: skip
    benchmark.add_argument(
        "--shots", type=_shots, default="1,2,4,8,16", metavar="1,4,full",
        help="training images a class, numbers and full; default %(default)s",
    )  # fmt: skip
    benchmark.add_argument(
        "--seeds", type=_seeds, default="5", metavar="N|N,N",
        help="how many, from 0 on: one number, or one for each of --shots, such as 10,10,10,5,5; default %(default)s",
    )  # fmt: skip
    benchmark.add_argument("--methods", metavar="A,B", help="default: all that are defined for the encoder")
    benchmark.add_argument(
        "--budget", type=_positive, default=6, metavar="N", help="settings a method may try; default %(default)s"
    )
    benchmark.add_argument(
        "--train-limit", type=_positive, default=14_000, metavar="N",
        help="draw shots from the first N training images; default %(default)s",
    )  # fmt: skip
    benchmark.add_argument(
        "--test-limit", type=_positive, metavar="N", help="a random part of N test images, the same each time"
    )
    benchmark.add_argument(
        "--shift", action="store_true",
        help="measure test images under noise, blur and rotation too; of emoji, those by the other artist",
    )  # fmt: skip
    benchmark.add_argument("--encoder", default="bundled", help="see `list`; default %(default)s")
    benchmark.add_argument(
        "--data-dir",
        metavar="DIR",
        type=Path,
        help="where the data sets' files are; what it lacks, the usual places have",
    )
    benchmark.add_argument(
        "--known", metavar="FILE", type=Path,
        help="cells.parquet of another run, such as docs/benchmark/cells.parquet: cells of the same data and settings are "
        "taken from it instead of measured",
    )  # fmt: skip
    benchmark.add_argument("--out", required=True, metavar="DIR", type=Path, help="folder of results.csv and the page")
    _add_device(benchmark)

    maps = commands.add_parser("map", help="fit an aligner's maps again, or score them beside other projectors")
    map_commands = maps.add_subparsers(required=True, metavar="fit|score")
    fit = map_commands.add_parser("fit", help="fit the maps anew and save them with the aligner")
    fit.set_defaults(
        command=_map_fit, when_stopped=" The old maps are still there; the same command goes on where this one ended."
    )
    fit.add_argument(
        "--maps", metavar="A,B", help="which: umap-2d, umap-3d, timeline, pca-2d, pca-3d, umap-learn; default: all but the last"
    )  # fmt: skip
    fit.add_argument("--seed", type=_seed, default=0, help="of the fit; default %(default)s")
    score = map_commands.add_parser("score", help="trust measures of every projector, fitted anew, on held-out paths")
    score.set_defaults(command=_map_score)
    score.add_argument(
        "--seeds", type=_seed_count, default=3, metavar="N", help="fits, medians over them; default %(default)s"
    )
    score.add_argument("--projectors", metavar="A;B", help="rows of the table, separated by semicolons; default: all")
    score.add_argument(
        "--trade-off",
        action="store_true",
        help="the parametric map over the temporal weight and without path terms instead",
    )
    for command in (fit, score):
        _add_aligner(command)
        _add_json(command)

    bench = commands.add_parser("bench", help="what the program's parts cost on this machine")
    bench_commands = bench.add_subparsers(required=True, metavar="speed")
    speed = bench_commands.add_parser(
        "speed", help="seconds, memory and ratio to the bare forward passes of encoding, aligning, placing and training"
    )
    speed.set_defaults(command=_bench_speed)
    speed.add_argument("--rows", metavar="A,B", help="only these, such as align-64x2x50; default: all, some minutes")
    speed.add_argument(
        "--seconds", type=_seconds, default=8.0, metavar="S", help="that each row is repeated for; default %(default)s"
    )
    _add_aligner(speed, TRAINED_ALIGNER)  # whose networks are of the usual size
    speed.add_argument(
        "--encoder", metavar="NAME", help="measure this encoder and nothing else; default: all, with the aligner's"
    )
    _add_device(speed)
    _add_json(speed)

    listing = commands.add_parser("list", help="encoders, aligners, data sets and the device")
    listing.set_defaults(command=_list)
    listing.add_argument(
        "--open-clip",
        action="store_true",
        help="all published weights of open_clip: sizes, and which are on this machine",
    )
    _add_json(listing)
    return parser


def _add_inputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", metavar="PATH", help="an image, or a folder of images")
    _add_classes(parser, "class texts")
    _add_aligner(parser)
    _add_device(parser)


def _add_classes(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--classes", metavar="A,B,C", help=f"{what}; separated by commas")
    parser.add_argument("--classes-file", metavar="FILE", type=Path, help="the same from a file, one a line")


def _add_aligner(parser: argparse.ArgumentParser, default: str = DEFAULT_ALIGNER) -> None:
    parser.add_argument("--aligner", default=default, metavar="NAME_OR_DIR", help="see `list`; default %(default)s")


def _add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", help="cpu, cuda or mps; default: the fastest that is there")


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def _add_sampling(parser: argparse.ArgumentParser) -> None:
    default = SamplingConfig()
    parser.add_argument("--sampler", choices=SAMPLERS, default=default.sampler, help="default %(default)s")
    parser.add_argument("--steps", type=int, default=default.num_inference_steps, help="per stage; default %(default)s")
    parser.add_argument(
        "--strength", type=_number, default=default.strength, help="of the noise, .05 to 1; default %(default)s"
    )
    parser.add_argument(
        "--eta", type=_number, default=default.eta, help="fresh noise in DDIM, 0 to 1; default %(default)s"
    )
    parser.add_argument("--guidance", type=_number, default=default.guidance, help="0 to 20; default %(default)s")
    parser.add_argument("--seed", type=_seed, default=default.seed, help="of the noise; default %(default)s")


def _whole(text: str, least: int, most: int) -> int:
    try:
        number = int(text)
    except ValueError:  # also of thousands of digits
        number = least - 1
    if not least <= number <= most:
        raise argparse.ArgumentTypeError(f"{text!r:.30} is not {least} to {most:,}")
    return number


def _positive(text: str) -> int:
    return _whole(text, 1, MOST)


def _seed(text: str) -> int:
    return _whole(text, 0, SamplingConfig.MAX_SEED)


def _seed_count(text: str) -> int:
    if (number := _positive(text)) > MOST_SEEDS:
        raise argparse.ArgumentTypeError(f"{number:,} seeds are more than the {MOST_SEEDS:,} allowed")
    return number


def _number(text: str) -> float:
    """Of any size; the settings that it is for say which."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r:.30} is not a number") from None


def _seconds(text: str) -> float:
    if not 0 < (number := _number(text)) <= MOST_SECONDS:
        raise argparse.ArgumentTypeError(f"{text!r:.30} is not more than 0 and at most {MOST_SECONDS:,}")
    return number


def _seeds(text: str) -> tuple[int, ...]:
    """ "10,10,5" to numbers."""
    return tuple(_seed_count(part) for part in text.split(","))


def _shots(text: str) -> tuple[int | None, ...]:
    """ "1,4,full" to numbers, None for full; repetitions are left out."""
    parts = dict.fromkeys(part.strip() for part in text.split(","))
    return tuple(None if part == "full" else _positive(part) for part in parts)


# ---------------------------------------------------------------------------------------------------- commands


def _classify(arguments: argparse.Namespace) -> int:
    names = _class_texts(arguments).names
    found = list(_find(arguments.paths))
    workbench = _workbench(arguments)

    from seda.tracing import content_seed

    encoder, aligner = workbench.encoder, workbench.aligner
    texts = workbench.encode_class_texts(names, aligner.card.template)
    _say_all(workbench.notes_on(names))
    answers: list[dict[str, Any]] = []
    hints: dict[str, str] = {}  # where none of the class texts fits
    for first in range(0, len(found), BATCH):
        part = found[first : first + BATCH]
        images, failures = _read(part)
        rows: dict[str, list[dict[str, Any]]] = {}
        if images:
            features = encoder.encode_images([item.image for item in images])
            seeds = [content_seed(item) for item in images]
            run = aligner.aligner.align(features, texts, SamplingConfig(), item_seeds=seeds, answer_only=True)
            answered = zip(images, run.class_probabilities.tolist(), strict=True)
            rows = {item.name: _best_first(names, row) for item, row in answered}
            hints |= {item.name: hint for item, hint in zip(images, aligner.hints(run), strict=True) if hint}
        errors = {failure.name: failure.message for failure in failures}
        answers += [
            {"path": path, "classes": rows.get(path, []), "looks_like": hints.get(path), "error": errors.get(path)}
            for path, _ in part
        ]
        _progress("classified", min(first + BATCH, len(found)), len(found))
    if arguments.json:
        print(json.dumps(answers, ensure_ascii=False, indent=2))
    else:
        _print_answers(answers)
    return ANSWERED if any(answer["classes"] for answer in answers) else UNANSWERED


def _trace(arguments: argparse.Namespace) -> int:
    from seda.export import SUFFIXES

    if arguments.out.suffix.lower() not in SUFFIXES:
        raise ConfigError(
            f"--out is {arguments.out.name!r}; it ends with one of {', '.join(SUFFIXES)}.",
            remedy="Choose the form by the file's suffix, such as journey.html.",
        )
    check_target(arguments.out)
    names = _class_texts(arguments).names
    sampling = SamplingConfig(
        arguments.sampler, arguments.steps, arguments.strength, arguments.eta, arguments.guidance, arguments.seed
    )
    images, failures = _read(_find(arguments.paths))
    for failure in failures:
        _say(f"left out: {failure.message}")
    if not images:
        _say("error: no image could be read.")
        return UNANSWERED
    workbench = _workbench(arguments)
    _say_all(workbench.notes_on(names))

    from seda.export import write_export
    from seda.tracing import trace_images

    images = [NamedImage(readable(Path(item.name).name), item.image) for item in images]  # folders are not shared
    journey = trace_images(
        images, names, workbench, sampling, template=arguments.template, title=f"{len(images)} images on their way to {len(names)} class texts",
        on_step=lambda event: _progress(f"stage {event.stage}", event.done, event.total),
    )  # fmt: skip
    print(write_export(journey, arguments.out, loop=arguments.loop))
    return ANSWERED


def _search(arguments: argparse.Namespace) -> int:
    card = read_card(arguments.aligner)
    given = arguments.classes is not None or arguments.classes_file is not None
    known = _class_texts(arguments).names if given else card.class_names

    from seda import search

    image = search.image_query(arguments.query)
    query = search.clean_query(arguments.query) if image is None else str(image)
    sources = {} if image is None else {query: (image, *search.read_labels(image.parent, [image]))}  # path: file, label
    for path in arguments.paths or ([search.SAMPLES] if image is None else []):
        part = list(_find([str(path)]))
        truth = search.read_labels(Path(os.path.expanduser(path)), [Path(name) for name, _ in part])
        sources |= {name: (file, label) for (name, file), label in zip(part, truth, strict=True)}
    errors = {name: str(file) for name, (file, _) in sources.items() if isinstance(file, DataError)}
    readable = {name: entry for name, entry in sources.items() if name not in errors}
    workbench = _workbench(arguments)
    gallery, failures = search.encode_gallery(
        [(name, file) for name, (file, _) in readable.items()], [label for _, label in readable.values()], workbench,
        lambda done, total: _progress("encoded", done, total),
    )  # fmt: skip
    errors |= {failure.name: failure.message for failure in failures}
    answered = bool(gallery.names) if image is None else query in gallery.names
    words = search.word_list([query], known, gallery.known_labels) if image is None else tuple(known)
    _say_all(workbench.notes_on(words))
    result: dict[str, Any] = {
        "query": query, "direction": search.WAYS[0 if image is None else 1], "aligner": card.name, "words": len(words),
        "before": [], "after": [], "recall": None, "errors": [{"path": name, "error": text} for name, text in errors.items()],
    }  # fmt: skip
    if answered:
        scores = search.search_scores(gallery, words, workbench)
        kind, names, hits = (
            ("path", gallery.names, scores.images_for(0, arguments.top)) if image is None
            else ("word", words, scores.words_for(gallery.names.index(query), arguments.top))
        )  # fmt: skip
        for way, ranked in zip(("before", "after"), hits, strict=True):
            result[way] = [{kind: names[hit.index], "score": round(hit.score, 6)} for hit in ranked]
            if image is None:
                result[way] = [
                    {**entry, "label": gallery.labels[hit.index] or None}
                    for entry, hit in zip(result[way], ranked, strict=True)
                ]
        result["recall"] = {
            f"{way}_R@{k}": {name: getattr(figures, name)[k] for name in ("before", "after", "chance")}
            | {"queries": figures.queries}
            for way, figures in scores.recall(gallery.labels).items() for k in figures.after
        } or None  # fmt: skip
    if arguments.json:
        print(json.dumps(result, ensure_ascii=False, indent=2))
    else:
        _print_search(result)
    return ANSWERED if answered else UNANSWERED


def _train(arguments: argparse.Namespace) -> int:
    config = TrainingConfig(seed=arguments.seed, max_epochs=arguments.epochs)
    check_target(arguments.out, folder=True)

    from seda.data.datasets import load_dataset
    from seda.data.feature_file import read_feature_file
    from seda.training.recipe import train_aligner, train_on_features

    def encoder() -> Encoder:
        return _load_encoder(arguments.encoder, _device(arguments))

    options: dict[str, Any] = {
        "limit": arguments.limit, "reference_count": arguments.reference_points,
        "on_progress": lambda stage, done, total, detail: _progress(stage, done, total, detail),
    }  # fmt: skip
    stops = "Ctrl-C keeps what is done; the same command goes on from there."
    if file := _features(arguments.dataset):
        features = read_feature_file(file, needs_test=False)
        _say(stops)
        trained = train_on_features(features, config, arguments.out, text_encoder=encoder, **options)
    else:
        if arguments.engine == "ray":
            from seda.data.ray_engine import RayEngine

            options["engine"] = RayEngine(arguments.workers, _device(arguments))
        dataset, images = load_dataset(arguments.dataset, arguments.data_dir), encoder()
        _say(stops)
        trained = train_aligner(dataset, images, config, arguments.out, **options)
    metrics = trained.card.metrics
    print(arguments.out)
    _say(
        f"validation accuracy {100 * metrics['validation_top1_accuracy']:.2f} % on {metrics['validation_count']} images"
    )
    return ANSWERED


def _pretrain(arguments: argparse.Namespace) -> int:
    check_target(arguments.out, folder=True)
    if arguments.encoder == "bundled:whole":
        trained = _pretrain_on_drawings(arguments)
    else:
        trained = _pretrain_from_words(arguments)
    for name, value in trained.card.metrics.items():
        if isinstance(value, float):
            print(f"{name}: {value:.4f}")
    print(trained.folder)
    return ANSWERED


def _pretrain_on_drawings(arguments: argparse.Namespace) -> PretrainedAligner:
    if arguments.words is not None or arguments.pictures is not None:
        raise ConfigError(
            f"--words and --pictures are for encoders of one space for pictures and texts; {arguments.encoder} has two.",
            remedy="Add --encoder open_clip:MODEL/PRETRAINED, or leave them out.",
        )

    from seda.training.open_vocabulary import ENCODER, pretrain_open_vocabulary

    return pretrain_open_vocabulary(
        _load_encoder(ENCODER, _device(arguments)), arguments.out, data_dir=arguments.data_dir, on_progress=_progress
    )


def _pretrain_from_words(arguments: argparse.Namespace) -> PretrainedAligner:
    words = arguments.words or ""
    if words.startswith("@"):
        words = _read_texts(Path(words[1:]))
    parsed, pictures = parse_class_texts(words, at_least=0), None
    _say_all(parsed.notes)
    if arguments.pictures is not None:
        images, failures = _read(_find([str(arguments.pictures)]))
        for failure in failures:
            _say(f"left out: {failure.message}")
        pictures = [item.image for item in images]

    from seda.training.words_alone import pretrain_from_words

    encoder = _load_encoder(arguments.encoder, _device(arguments))
    return pretrain_from_words(encoder, arguments.out, words=parsed.names, pictures=pictures, on_progress=_progress)


def _evaluate(arguments: argparse.Namespace) -> int:
    card = read_card(arguments.aligner)

    from seda.aligner import load_aligner
    from seda.benchmark.evaluate import evaluate_aligner
    from seda.data.datasets import load_dataset
    from seda.data.feature_file import FileTexts, read_feature_file
    from seda.data.features import chosen_indices, encode_split

    name = arguments.dataset or card.data.get("dataset")
    if not name and WORDS_ALONE in card.data:
        raise DataError(
            f"The aligner {card.name!r} was made of words alone: it has no pictures of its own to be evaluated on.",
            remedy="Name labelled pictures, such as --dataset folder:DIR with one sub-folder a class.",
        )
    if not name:
        raise DataError("The aligner's card names no data set.", remedy="Name one with --dataset.")
    device = _device(arguments)
    if EVALUATION in card.data and not arguments.dataset:
        return _evaluate_naming(load_aligner(arguments.aligner, device), device, arguments.json)
    aligner = load_aligner(arguments.aligner, device)
    dataset: ImageDataset | FeatureFile
    encoder: Encoder
    if file := _features(name):
        dataset = read_feature_file(file, needs_test=arguments.split == "test")
        features = dataset.test if arguments.split == "test" else dataset.train
        features = features.take(chosen_indices(len(features), arguments.limit))
        aligner.check_encoder(dataset.encoder, features.encoder_fingerprint)
        encoder = FileTexts(dataset)
    else:
        dataset, encoder = load_dataset(name, arguments.data_dir), _load_encoder(card.encoder, device)
        features = encode_split(
            dataset, arguments.split, encoder, limit=arguments.limit,
            on_progress=lambda done, total: _progress("encoding images", done, total),
        )  # fmt: skip
    figures = evaluate_aligner(
        aligner, encoder, features, on_progress=lambda done, total: _progress("aligning", done, total)
    ).to_dict()
    result = {"aligner": card.name, "dataset": dataset.name, **figures}
    if arguments.json:
        print(json.dumps(result, ensure_ascii=False, indent=2))
    else:
        rows = [
            (key.replace("_", " "), f"{value:.4f}" if isinstance(value, float) else str(value))
            for key, value in result.items()
        ]
        _print_table(rows)
    return ANSWERED


def _evaluate_naming(aligner: PretrainedAligner, device: str, as_json: bool) -> int:
    """Of an open vocabulary: every method on pictures that nothing was fitted to."""
    from seda.benchmark.open_vocabulary import name_pictures

    rows = [row.to_dict() for row in name_pictures(aligner, _load_encoder(aligner.card.encoder, device))]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=2))
    else:
        shown = [[f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row.values()] for row in rows]
        _print_table([("task", "method", "pictures", "texts", "recall@1", "recall@10"), *shown])
    return ANSWERED


def _benchmark(arguments: argparse.Namespace) -> int:
    from seda.benchmark.cells import read_cells, read_packed
    from seda.benchmark.protocol import BenchmarkConfig, load_data, load_features, run_benchmark
    from seda.benchmark.report import write_report
    from seda.data.datasets import load_anywhere
    from seda.data.feature_file import FeatureFile, read_feature_file

    config = BenchmarkConfig(
        shots=arguments.shots, seeds=tuple(range(max(arguments.seeds))), methods=_names(arguments.methods),
        budget=arguments.budget, train_limit=arguments.train_limit, test_limit=arguments.test_limit,
        seed_counts=arguments.seeds if len(arguments.seeds) > 1 else None, shift=arguments.shift,
    )  # fmt: skip
    check_target(arguments.out, folder=True)
    known = read_packed(arguments.known) if arguments.known else ()
    sources: dict[str, FeatureFile | ImageDataset] = {}  # all are looked for before the first is encoded
    for name in _names(arguments.data) or ():
        file = _features(name)
        sources[name] = read_feature_file(file) if file else load_anywhere(name, arguments.data_dir)
    encoder = cache(lambda: _load_encoder(arguments.encoder, _device(arguments)))
    _say("Ctrl-C keeps the cells that are done; the same command goes on from there.")
    data = [
        load_features(name, source, config, encoder) if isinstance(source, FeatureFile)
        else load_data(source, encoder(), config, on_progress=_progress)
        for name, source in sources.items()
    ]  # fmt: skip
    try:
        run_benchmark(data, config, arguments.out, known=known, on_cell=_cell_done)
    finally:
        if cells := read_cells(arguments.out):  # also of other calls into the same folder
            write_report(cells, arguments.out, arguments.call)
    print(arguments.out / "results.csv")
    return ANSWERED


def _cell_done(cell: Cell, done: int, total: int) -> None:
    named = f"{cell.dataset}, shots {cell.shots}, seed {cell.seed}, {cell.method}"
    _progress(
        "cells", done, total, f"{named}: accuracy {cell.figures['top1_accuracy']:.3f}, {cell.figures['seconds']:.1f} s"
    )


def _features(dataset: str) -> str:
    """The file that features:FILE names; "" for another data set."""
    kind, _, rest = dataset.strip().partition(":")
    return rest if kind == "features" else ""


def _names(text: str | None) -> tuple[str, ...] | None:
    """ "a, b" to names without repetitions; None where nothing came."""
    return None if text is None else tuple(dict.fromkeys(part.strip() for part in text.split(",")))


def _map_fit(arguments: argparse.Namespace) -> int:
    read_card(arguments.aligner, check_maps=False)

    from seda.aligner import WEIGHTS_FILE, load_aligner
    from seda.benchmark.maps import ROW_OF, place_ms
    from seda.making import finish_maps, maps_folder
    from seda.projection.aligner_map import SHIPPED, aligner_material, check_names, fit_map, kept_map, with_scores
    from seda.projection.fit import MapConfig
    from seda.projection.frozen import map_path
    from seda.storage import sha256_file

    names = tuple(name.strip() for name in arguments.maps.split(",")) if arguments.maps else SHIPPED
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
                name, prepared, config, on_progress=lambda name, done, total: _progress(f"fitting {name}", done, total),
                keep_at=made / f"{name}.part",
            )  # fmt: skip
            seconds = time.perf_counter() - start
            frozen = with_scores(fitted, prepared)
            frozen.save(made)
        file = map_path(made, name)
        sums[file.name] = sha256_file(file)
        maps.append(frozen)
        times = {"place_ms": place_ms(frozen.projector, prepared.held_out), "fit_s": seconds}
        rows.append({"projector": ROW_OF[name], "map": name, **frozen.card["scores"], **times})
    for frozen in maps:
        for note in frozen.card["notes"]:
            _say(f"{frozen.name}: {note}")
    scores = dict(pretrained.card.metrics.get("maps", {})) | {frozen.name: frozen.card["scores"] for frozen in maps}
    card = replace(pretrained.card, metrics={**pretrained.card.metrics, "maps": scores})
    finish_maps(pretrained.folder, made, card, sums)
    _print_figures(rows, arguments.json)
    return ANSWERED


def _map_score(arguments: argparse.Namespace) -> int:
    read_card(arguments.aligner)

    from seda.aligner import load_aligner
    from seda.benchmark.maps import ROWS, TRADE_OFF, score_projectors

    pretrained = load_aligner(arguments.aligner)
    projectors: Sequence[str] = tuple(TRADE_OFF) if arguments.trade_off else ROWS
    if arguments.projectors:
        projectors = [name.strip() for name in arguments.projectors.split(";")]
    rows = score_projectors(
        pretrained, seeds=range(arguments.seeds), projectors=projectors,
        on_progress=lambda name, done, total: _progress("fits scored", done, total, name),
    )  # fmt: skip
    _print_figures(rows, arguments.json)
    return ANSWERED


def _bench_speed(arguments: argparse.Namespace) -> int:
    card = read_card(arguments.aligner)

    from seda.aligner import load_aligner
    from seda.benchmark.speed import aligner_tasks, encoder_tasks, measure_speed
    from seda.projection.frozen import load_map

    device = _device(arguments)
    encoder = _load_encoder(arguments.encoder or card.encoder, device)
    tasks = encoder_tasks(encoder, device)
    if arguments.encoder is None:
        aligner = load_aligner(arguments.aligner, device)
        tasks += aligner_tasks(aligner, encoder, load_map(aligner.folder), device)
    rows = measure_speed(
        tasks, names=_names(arguments.rows), seconds=arguments.seconds,
        on_row=lambda row, done, total: _progress("rows", done, total, row.name),
    )  # fmt: skip
    _print_figures([vars(row) for row in rows], arguments.json)
    return ANSWERED


def _print_figures(rows: Sequence[dict[str, Any]], as_json: bool) -> None:
    """Rows of the same keys, as JSON or as a table with a heading."""
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    cells = [[f"{value:.3f}" if isinstance(value, float) else str(value) for value in row.values()] for row in rows]
    _print_table([[key.replace("_", " ") for key in rows[0]], *cells])


def _list(arguments: argparse.Namespace) -> int:
    if arguments.open_clip:
        return _list_open_clip(arguments.json)

    from seda.data.datasets import list_datasets
    from seda.device import best_device
    from seda.encoders import list_encoders

    listing: dict[str, Any] = {
        "encoders": [vars(info) for info in list_encoders()],
        "aligners": [_describe_aligner(name) for name in list_aligners()],
        "datasets": [vars(info) for info in list_datasets()],
        "device": best_device(),
    }
    if arguments.json:
        print(json.dumps(listing, ensure_ascii=False, indent=2))
        return ANSWERED
    for title, part in (("Encoders", "encoders"), ("Aligners", "aligners"), ("Data sets", "datasets")):
        print(title)
        rows = [
            (entry["name"], "" if entry["available"] else "(not here)", entry["description"]) for entry in listing[part]
        ]
        _print_table(rows or [("none",)], indent="  ")
        print()
    print(f"Device: {listing['device']}")
    return ANSWERED


def _list_open_clip(as_json: bool) -> int:
    from seda.encoders.openclip_list import list_open_clip

    infos = list_open_clip()
    if as_json:
        print(json.dumps([vars(info) for info in infos], ensure_ascii=False, indent=2))
        return ANSWERED
    for family in dict.fromkeys(info.family for info in infos):
        print(family)
        rows = [
            (
                info.name,
                "" if info.size_mb is None else f"{info.size_mb:,.0f} MB",
                "" if info.parameters_m is None else f"{info.parameters_m:,.0f} M parameters",
                "on this machine" if info.cached else "to be downloaded",
                f"tokenizer from {info.tokenizer}" if info.tokenizer else "",
            )
            for info in infos
            if info.family == family
        ]
        _print_table(rows, indent="  ")
    return ANSWERED


def _describe_aligner(name: str) -> dict[str, Any]:
    try:
        card = read_card(name)
    except SedaError as error:
        return {"name": name, "description": str(error), "available": False}
    return {
        "name": name,
        "description": card.description,
        "available": True,
        "encoder": card.encoder,
        "class_names": list(card.class_names),
    }


# ---------------------------------------------------------------------------------------------------- input


def _class_texts(arguments: argparse.Namespace) -> ClassTexts:
    """The class texts of --classes and --classes-file, in this order."""
    parts = []
    if arguments.classes is not None:
        parts.append(arguments.classes)
    if arguments.classes_file is not None:
        parts.append(_read_texts(arguments.classes_file))
    if not parts:
        raise ClassTextError(
            "No class texts came.", remedy='Give them with --classes "cat, dog" or --classes-file FILE.'
        )
    texts = parse_class_texts("\n".join(parts))
    _say_all(texts.notes)
    return texts


def _read_texts(file: Path) -> str:
    remedy = "Give a text file, one a line."
    try:
        return read_plain_file(local_path(file), MAX_TEXT_FILE).decode("utf-8-sig")
    except FileFormatError as error:
        raise ClassTextError(
            f"The class texts in {file!s:.100} cannot be read: {error.message}", remedy=remedy
        ) from error
    except UnicodeDecodeError as error:
        raise ClassTextError(
            f"The class texts in {file} cannot be read: it is not UTF-8 text.", remedy=remedy
        ) from error


def _find(paths: Sequence[str]) -> Iterator[tuple[str, Path | DataError]]:
    """Every picture that the paths name, or why there is none."""
    for path in paths:
        try:
            yield from ((str(file), file) for file in find_images(path))
        except DataError as error:
            yield path, error


def _read(found: Any) -> tuple[list[NamedImage], list[ImageFailure]]:
    found = list(found)
    missing = [ImageFailure(name, str(error)) for name, error in found if isinstance(error, DataError)]
    images, failures = read_images((name, path) for name, path in found if isinstance(path, Path))
    return images, missing + failures


def _workbench(arguments: argparse.Namespace) -> Workbench:
    card = read_card(arguments.aligner)  # a wrong name is said before torch is imported

    from seda.aligner import load_aligner
    from seda.projection import load_maps
    from seda.tracing import Workbench

    device = _device(arguments)
    aligner = load_aligner(arguments.aligner, device)
    return Workbench(aligner, _load_encoder(card.encoder, device), load_maps(aligner.folder))


def _load_encoder(name: str, device: str) -> Encoder:
    """The encoder of that name; a download of its weights is shown."""
    from seda.encoders import load_encoder

    def show(there: int, total: int) -> None:
        _progress("downloading weights, MB", there // 10**6, (total or there + 10**6) // 10**6)

    return load_encoder(name, device, on_progress=show)


def _device(arguments: argparse.Namespace) -> str:
    from seda.device import best_device

    return arguments.device or best_device()


# ---------------------------------------------------------------------------------------------------- output


def _best_first(names: Sequence[str], probabilities: Sequence[float]) -> list[dict[str, Any]]:
    ranked = sorted(zip(names, probabilities, strict=True), key=lambda pair: -pair[1])
    return [{"name": name, "probability": round(probability, 6)} for name, probability in ranked]


def _print_answers(answers: Sequence[dict[str, Any]]) -> None:
    rows = []
    for answer in answers:
        if answer["error"] is not None:
            rows.append((answer["path"], answer["error"]))
        else:
            shown = answer["classes"][:SHOWN]
            cells = [f"{entry['name']} {100 * entry['probability']:.1f} %" for entry in shown]
            if answer["looks_like"]:
                cells.append(f"none of these? looks like {answer['looks_like']}")
            rows.append((answer["path"], *cells))
    _print_table(rows)


def _print_search(result: dict[str, Any]) -> None:
    for error in result["errors"]:
        _say(f"left out: {error['error']}")
    if not result["after"]:
        _say("error: no image could be searched.")
        return
    rows = [("", "before (cosine)", "", f"after (probability among {result['words']} words)")]
    for rank, (before, after) in enumerate(zip(result["before"], result["after"], strict=True), start=1):
        first, second = (entry.get("path") or entry["word"] for entry in (before, after))
        rows.append((str(rank), f"{before['score']:.3f} {first}", "", f"{100 * after['score']:.1f} % {second}"))
    _print_table(rows)
    if result["recall"]:
        print()
        rows = [("recall", "before", "after", "by chance", "queries")]
        for name, figures in result["recall"].items():
            shares = [f"{figures[key]:.3f}" for key in ("before", "after", "chance")]
            rows.append((name.replace("_", " "), *shares, str(figures["queries"])))
        _print_table(rows)


def _print_table(rows: Sequence[Sequence[str]], indent: str = "") -> None:
    """Columns of equal width; the last cell of a row is not padded and does not widen its column."""
    rows = [[_printable(cell) for cell in row] for row in rows]
    widths: dict[int, int] = {}
    for row in rows:
        for column, cell in enumerate(row[:-1]):
            widths[column] = max(widths.get(column, 0), _width(cell))
    for row in rows:
        padded = [cell + " " * (widths[column] - _width(cell)) for column, cell in enumerate(row[:-1])]
        print(indent + "  ".join([*padded, row[-1]]).rstrip())


def _printable(text: str) -> str:
    """Without control characters and those that turn a line's direction: a file name must not steer the terminal."""
    steers = (unicodedata.category(c) == "Cc" or unicodedata.bidirectional(c) in _TURNS for c in text)
    return "".join("?" if turns else c for c, turns in zip(text, steers, strict=True))


def _width(text: str) -> int:
    """Terminal columns of a text: wide characters take two, combining ones none."""
    return sum(
        0
        if unicodedata.combining(c) or unicodedata.category(c) == "Cf"
        else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in text
    )


def _say_all(lines: Iterable[str]) -> None:
    for line in lines:
        _say(line)


def _say(text: str) -> None:
    """One line to stderr, whatever the names in it hold."""
    print(_printable(text), file=sys.stderr, flush=True)


def _progress(stage: str, done: int, total: int, detail: str = "") -> None:
    """One line that renews itself on a terminal; elsewhere a line at the end of each stage and for each detail."""
    line = _printable(f"{stage} {done}/{total}" + (f", {detail}" if detail else ""))
    if sys.stderr.isatty():
        print(f"\r\x1b[K{line}", end="\n" if done >= total else "", file=sys.stderr, flush=True)
    elif done >= total or detail:
        _say(line)
