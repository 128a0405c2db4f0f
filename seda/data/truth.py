"""What is known of pictures: their folder, their file's name, or a table says which word is the right one."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seda.class_texts import quoted
from seda.errors import DataError, FileFormatError
from seda.storage import local_path, read_plain_file

FOLDERS, NAMES = "folders", "names"  # beside a table's path
MAX_TABLE = 16 * 2**20  # bytes; 100,000 rows have some 5 MB
COLUMNS = ("file", "label")
MOST_SAID = 5

_NUMBER = re.compile(r"[\s_\-]*\(?\d+\)?$")


@dataclass(frozen=True)
class Truth:
    """Labels of pictures, by class texts.

    Attributes:
        labels: index into the class texts, or -1, in the order of the pictures.
        class_names: the class texts.
        notes: sentences on what could not be used.
    """

    labels: tuple[int, ...]
    class_names: tuple[str, ...]
    notes: tuple[str, ...] = ()


def plain_label(text: str) -> str:
    """A label as it is compared: without case, and with one space for underscores, hyphens and spaces."""
    return " ".join(re.sub(r"[_\-\s]+", " ", text).split()).casefold()


def raw_labels(paths: Sequence[Path], source: str) -> list[str]:
    """The label that each picture's folder, name or row gives it; "" for none.

    Args:
        paths: of the pictures.
        source: FOLDERS (the folder that a picture is in), NAMES ("rocket_01.jpg" is a rocket), or the path of a CSV file with
            the columns file and label; a file is found by its path, or by its name where only one picture has it.
    Raises:
        DataError: the table cannot be read, or holds none of the pictures.
    """
    if source == FOLDERS:
        return [path.parent.name for path in paths]
    if source == NAMES:
        return [_NUMBER.sub("", path.stem) for path in paths]
    rows = _read_table(Path(source))
    names = Counter(path.name for path in paths)
    found = []
    for path in paths:
        parts = path.as_posix().strip("/").split("/")
        by_path = (
            "/".join(parts[first:]) for first in range(len(parts) - 1)
        )  # the whole path, then ever less of its folders
        keys = [*by_path, *([path.name] if names[path.name] == 1 else [])]
        found.append(next((rows[key] for key in keys if key in rows), ""))
    if not any(found):
        raise DataError(
            f"{source} names none of the {len(paths)} pictures.",
            remedy="Write their paths or file names into the column file.",
        )
    return found


def _read_table(file: Path) -> dict[str, str]:
    remedy = "Give a CSV file with the columns file and label, in UTF-8, or one of: folders, names."
    try:
        text = read_plain_file(local_path(file, DataError), MAX_TABLE).decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""))
        columns = [name.strip().casefold() for name in reader.fieldnames or ()]
        if not set(COLUMNS) <= set(columns):
            raise DataError(
                f"{file} has the columns {', '.join(columns[:6]) or 'none'}; file and label are needed.", remedy=remedy
            )
        reader.fieldnames = columns
        return {
            row["file"].strip().removeprefix("./").strip("/"): (row["label"] or "").strip()
            for row in reader
            if row.get("file")
        }
    except FileFormatError as error:
        raise DataError(error.message, remedy=remedy) from error
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is not UTF-8 text.", remedy=remedy) from error
    except csv.Error as error:
        raise DataError(f"{file} is no table that can be read ({error}).", remedy=remedy) from error


def truth_of(labels: Sequence[str], class_names: Sequence[str] = ()) -> Truth:
    """Labels as indices into class texts; without class texts the labels themselves are those, sorted.

    Raises:
        DataError: nothing is labelled, or fewer than two classes are.
    """
    if not class_names:
        shown: dict[str, str] = {}
        for label in labels:
            if plain_label(label):
                shown.setdefault(plain_label(label), " ".join(re.sub(r"_+", " ", label).split()))
        class_names = tuple(shown[key] for key in sorted(shown))
    places: Mapping[str, int] = {plain_label(name): place for place, name in enumerate(class_names)}
    found = tuple(places.get(plain_label(label), -1) for label in labels)
    notes = []
    if unlabelled := sum(not plain_label(label) for label in labels):
        notes.append(f"{unlabelled} of {len(labels)} pictures have no label and are left out.")
    if unknown := sorted({label for label in labels if plain_label(label) and plain_label(label) not in places}):
        count = sum(label in unknown for label in labels)
        more = f" and {len(unknown) - MOST_SAID} more" if len(unknown) > MOST_SAID else ""
        notes.append(
            f"{count} pictures are labelled with what is not among the words ({', '.join(map(quoted, unknown[:MOST_SAID]))}{more}) and "
            "are left out: no answer could be right."
        )
    classes = len({label for label in found if label >= 0})
    if classes < 2:
        raise DataError(
            f"{classes} of the words {'is' if classes == 1 else 'are'} the label of a picture; at least 2 are needed.",
            remedy="Put the pictures into sub-folders named like the words, or give --labels.",
        )
    return Truth(found, tuple(class_names), tuple(notes))
