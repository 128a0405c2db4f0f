"""What is known of pictures: their folder, their file's name, or a table says which word is the right one."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seda.class_texts import MAX_LENGTH, MAX_TEXTS, quoted
from seda.errors import DataError, FileFormatError
from seda.storage import local_path, read_plain_file

FOLDERS, NAMES = "folders", "names"  # beside a table's path
MAX_TABLE = 16 * 2**20  # bytes; 100,000 rows have some 5 MB
COLUMNS = ("file", "label")
MOST_SAID = 5
UNLABELLED = -1

_REMEDY = "Give a CSV file with the columns file and label, in UTF-8, or one of: folders, names."
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


def raw_labels(paths: Sequence[Path], source: str, *, on_note: Callable[[str], object] | None = None) -> list[str]:
    """The label that each picture's folder, name or row gives it; "" for none.

    Args:
        paths: of the pictures.
        source: FOLDERS (the folder that a picture is in), NAMES ("rocket_01.jpg" is a rocket), or the path of a CSV file with
            the columns file and label; a file is found by its path, or by its name where only one picture has it.
        on_note: told in a sentence of rows that name no picture.
    Raises:
        DataError: the table cannot be read, or holds none of the pictures.
    """
    if source == FOLDERS:
        return [path.parent.name for path in paths]
    if source == NAMES:
        return [_NUMBER.sub("", path.stem) for path in paths]
    return _labels_of_rows(paths, _read_table(Path(source), on_note), source, on_note)


def labels_of_table(
    paths: Sequence[Path], content: bytes, source: str, *, on_note: Callable[[str], object] | None = None
) -> list[str]:
    """The same of a table that was uploaded.

    Args:
        content: of the CSV file.
        source: its name, for errors.
    Raises:
        DataError: as `raw_labels`.
    """
    if len(content) > MAX_TABLE:
        raise DataError(
            f"{source} has {len(content) / 2**20:.0f} MB; at most {MAX_TABLE // 2**20} MB are read.", remedy=_REMEDY
        )
    return _labels_of_rows(paths, _rows_of(content, source, on_note), source, on_note)


def _labels_of_rows(
    paths: Sequence[Path], rows: Mapping[str, str], source: str, on_note: Callable[[str], object] | None
) -> list[str]:
    names = Counter(path.name for path in paths)
    found, used = [], set[str]()
    for path in paths:
        parts = path.as_posix().strip("/").split("/")
        by_path = (
            "/".join(parts[first:]) for first in range(len(parts) - 1)
        )  # the whole path, then ever less of its folders
        keys = [*by_path, *([path.name] if names[path.name] == 1 else [])]
        key = next((key for key in keys if key in rows), None)
        found.append("" if key is None else rows[key])
        if key is not None:
            used.add(key)
    if not any(found):
        raise DataError(
            f"{source} names none of the {len(paths)} pictures.",
            remedy="Write their paths or file names into the column file.",
        )
    missing = [file for file in rows if file not in used]
    if missing and on_note is not None:
        on_note(f"{len(missing)} of {len(rows)} rows of {source} name no picture that came ({_some(missing)}).")
    return found


def _read_table(file: Path, on_note: Callable[[str], object] | None) -> dict[str, str]:
    try:
        content = read_plain_file(local_path(file, DataError), MAX_TABLE)
    except FileFormatError as error:
        raise DataError(error.message, remedy=_REMEDY) from error
    return _rows_of(content, str(file), on_note)


def _rows_of(content: bytes, file: str, on_note: Callable[[str], object] | None) -> dict[str, str]:
    """Labels by file; of a file with several rows the last one counts, which is told."""
    found: dict[str, str] = {}
    twice: dict[str, bool] = {}  # whether its rows differ
    try:
        text = content.decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""))
        columns = [name.strip().casefold() for name in reader.fieldnames or ()]
        if not set(COLUMNS) <= set(columns):
            raise DataError(
                f"{file} has the columns {', '.join(columns[:6]) or 'none'}; file and label are needed.",
                remedy=_REMEDY,
            )
        reader.fieldnames = columns
        for row in reader:
            label, name = (row["label"] or "").strip(), (row["file"] or "").strip().removeprefix("./").strip("/")
            if name in found:
                twice[name] = twice.get(name, False) or plain_label(found[name]) != plain_label(label)
            if name:
                found[name] = label
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is not UTF-8 text.", remedy=_REMEDY) from error
    except csv.Error as error:
        raise DataError(f"{file} is no table that can be read ({error}).", remedy=_REMEDY) from error
    if twice and on_note is not None:
        differ = [name for name, other in twice.items() if other]
        told = (
            f"; {len(differ)} of them with different labels ({_some(differ)})" if differ else f" ({_some(list(twice))})"
        )
        on_note(
            f"{len(twice)} {'file stands' if len(twice) == 1 else 'files stand'} in several rows of {file}{told}: the last row counts."
        )
    return found


def truth_of(labels: Sequence[str], class_names: Sequence[str] = (), *, what: str = "pictures") -> Truth:
    """Labels as indices into class texts; without class texts the labels themselves are those, sorted.

    Whatever cannot be used is left out and said. Labels are the same where `plain_label` is; of labels that would make more
    class texts than MAX_TEXTS the most frequent are taken.

    Args:
        what: the items, for the sentences.
    Raises:
        DataError: nothing is labelled, or there are fewer than two class texts.
    """
    notes: list[str] = []
    given = bool(class_names)
    if given:
        notes += _same_words(class_names)
    else:
        class_names, left_out = _labels_as_words(labels, what)
        notes += left_out
        notes += [
            f"The labels {_some(sorted(spellings))} are read as one."
            for spellings in _by_label(labels).values()
            if len(spellings) > 1
        ][:MOST_SAID]
    places: dict[str, int] = {}
    for place, name in enumerate(class_names):
        places.setdefault(plain_label(name), place)
    found = tuple(places.get(plain_label(label), UNLABELLED) for label in labels)
    if unlabelled := sum(not plain_label(label) for label in labels):
        notes.append(f"{unlabelled} of {len(labels)} {what} have no label and are left out.")
    unknown = [label for label in labels if plain_label(label) and plain_label(label) not in places]
    if unknown and given:
        notes.append(
            f"{len(unknown)} of {len(labels)} {what} have a label that is not among the words ({_some(sorted(set(unknown)))}) and are left "
            "out: no answer could be right."
        )
    classes = sorted({label for label in found if label != UNLABELLED})
    if not classes or len(class_names) < 2:
        known = sorted({label for label in labels if plain_label(label)})
        labelled = f"The labels are {_some(known)}." if known else "There are no labels."
        raise DataError(
            f"{len(classes)} of {len(class_names)} words are the label of {what}; of words at least 2 are needed, 1 of them as a label. "
            f"{labelled}",
            remedy="Put the pictures into sub-folders named like the words, or give --labels.",
        )
    if len(classes) == 1:
        notes.append(
            f"All labelled {what} are {quoted(class_names[classes[0]])}: how they are told from others cannot be seen, and the places that "
            "compare labelled items with each other are always right."
        )
    return Truth(found, tuple(class_names), tuple(notes))


def _by_label(labels: Sequence[str]) -> dict[str, set[str]]:
    """Every spelling of each label, by how it is compared."""
    spellings: dict[str, set[str]] = {}
    for label in labels:
        if key := plain_label(label):
            spellings.setdefault(key, set()).add(label)
    return spellings


def _labels_as_words(labels: Sequence[str], what: str) -> tuple[tuple[str, ...], list[str]]:
    """Class texts made of labels, sorted, each as it is first spelled, and sentences on those that are too long or too many."""
    shown: dict[str, str] = {}
    for label in labels:
        if key := plain_label(label):
            shown.setdefault(key, " ".join(re.sub(r"_+", " ", label).split()))
    notes = []
    if long := [key for key, text in shown.items() if len(text) > MAX_LENGTH]:
        notes.append(
            f"{len(long)} labels have more than {MAX_LENGTH} characters ({_some(long)}); {what} with them are left out."
        )
    counts = Counter(key for label in labels if (key := plain_label(label)) and key not in long)
    kept = sorted(key for key, _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:MAX_TEXTS])
    if len(kept) < len(counts):
        notes.append(
            f"{len(counts):,} different labels came; the {MAX_TEXTS:,} most frequent are taken, and {what} with the others are left out."
        )
    return tuple(shown[key] for key in kept), notes


def _same_words(class_names: Sequence[str]) -> list[str]:
    """A sentence for each group of class texts that no label can tell apart."""
    groups = _by_label(class_names).values()
    return [
        f"The words {_some(group)} are the same to a label: items with it count as the first, and an answer of another as wrong."
        for group in ([name for name in class_names if name in spellings] for spellings in groups)
        if len(group) > 1
    ]


def _some(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - MOST_SAID} more" if len(texts) > MOST_SAID else ""
    return f"{', '.join(map(quoted, texts[:MOST_SAID]))}{more}"
