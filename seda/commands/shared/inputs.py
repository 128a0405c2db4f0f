"""What a call names: class texts, items, and files of features."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from seda.class_texts import ClassTexts, parse_class_texts
from seda.commands.shared import terminal
from seda.errors import ClassTextError, DataError, FileFormatError
from seda.images import ImageFailure, NamedImage, find_images, read_images
from seda.storage import local_path, read_plain_file

MAX_TEXT_FILE = 4 * 2**20  # bytes; 1,000 class texts of 200 signs have .8 MB at most


def class_texts(arguments: argparse.Namespace) -> ClassTexts:
    """The class texts of --classes and --classes-file, in this order; notes on them are said.

    Raises:
        ClassTextError: neither came, the file cannot be read, or the texts cannot be used.
    """
    parts = []
    if arguments.classes is not None:
        parts.append(arguments.classes)
    if arguments.classes_file is not None:
        parts.append(read_texts(arguments.classes_file))
    if not parts:
        raise ClassTextError(
            "No class texts came.", remedy='Give them with --classes "cat, dog" or --classes-file FILE.'
        )
    texts = parse_class_texts("\n".join(parts))
    terminal.say_all(texts.notes)
    return texts


def read_texts(file: Path) -> str:
    """A file of texts, one a line, of at most MAX_TEXT_FILE bytes.

    Raises:
        ClassTextError: it cannot be read, or is not UTF-8.
    """
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


def find_items(paths: Iterable[str]) -> Iterator[tuple[str, Path | DataError]]:
    """Every item that the paths name, or why there is none."""
    for path in paths:
        try:
            yield from ((str(file), file) for file in find_images(path))
        except DataError as error:
            yield path, error


def read_items(found: Iterable[tuple[str, Path | DataError]]) -> tuple[list[NamedImage], list[ImageFailure]]:
    """The items that find_items() found, and why others are left out, missing ones first."""
    found = list(found)
    missing = [ImageFailure(name, str(error)) for name, error in found if isinstance(error, DataError)]
    items, failures = read_images((name, path) for name, path in found if isinstance(path, Path))
    return items, missing + failures


def say_left_out(failures: Sequence[ImageFailure]) -> None:
    """A line for each item that is left out."""
    terminal.say_all(f"left out: {failure.message}" for failure in failures)


def feature_file(dataset: str) -> str:
    """The file that features:FILE names; "" for another data set."""
    kind, _, rest = dataset.strip().partition(":")
    return rest if kind == "features" else ""


def known_labels(
    found: Sequence[tuple[str, Path | DataError]], source: str | None, class_names: Sequence[str]
) -> dict[str, int] | None:
    """By file the class text that --labels calls right; said before anything travels."""
    files = [file for _, file in found if isinstance(file, Path)]
    if source is None or not files:
        return None
    from seda.journeys.labels import item_labels

    labels, notes = item_labels(files, source, class_names)
    terminal.say_all(notes)
    return {str(file): label for file, label in labels.items()}
