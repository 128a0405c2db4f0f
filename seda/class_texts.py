"""Class texts as a user types them: split, cleaned, without repetitions, within limits."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from seda.errors import ClassTextError

TEMPLATE = "{}"
PHRASINGS = (
    TEMPLATE,
    "a photo of a {}",
    "a picture of a {}",
    "this is a {}",
    "a {}",
)  # tried where another may do better
MIN_TEXTS = 2  # a single class has nothing to be told apart from
MAX_TEXTS = 1000  # chosen here: as many as ImageNet has
MAX_LENGTH = 200  # characters; chosen here: a long sentence, within what the text encoders read
MAX_SOURCE = 1_000_000  # characters; with white space and signs that are composed more than MAX_TEXTS x MAX_LENGTH
# Characters of one text before accents are composed, which takes as long as the square of how many follow one another: a megabyte
# of accents would hold everyone up for minutes
MOST_TO_COMPOSE = 4 * MAX_LENGTH

_COMMAS = ",\uff0c\u060c\u3001"  # also full-width, Arabic and ideographic: what those keyboards type
_SEPARATOR = re.compile(rf"[{_COMMAS}]?[^\S\n]*[\n\r\u2028\u2029]|[{_COMMAS}]")
# Invisible: directional marks, embeddings, overrides and isolates, zero-width space, word joiner, byte order mark. The
# joiners U+200C and U+200D stay: Persian words and emoji sequences need them.
_INVISIBLE = re.compile("[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_SHOWN = 40  # characters of a text that a message quotes


@dataclass(frozen=True)
class ClassTexts:
    """Class texts that can be used, as plain text: escaping is for whoever presents them.

    Attributes:
        names: MIN_TEXTS, or as few as were asked for, to MAX_TEXTS texts in the order they came, NFC, no two equal but for case.
        notes: sentences for the user on what was left out; empty when all came through.
    """

    names: tuple[str, ...]
    notes: tuple[str, ...] = ()


def parse_class_texts(source: str | Iterable[str], *, at_least: int = MIN_TEXTS) -> ClassTexts:
    """Class texts from one string, split at commas and line ends, or from a list, whose items are not split.

    Raises:
        ClassTextError: fewer than `at_least` or more than MAX_TEXTS remain, one is longer than MAX_LENGTH characters, all are
            longer than MAX_SOURCE, or an item is not a string.
    """
    if isinstance(source, str) and len(source) > MAX_SOURCE:
        raise ClassTextError(
            f"The class texts have {len(source):,} characters together; at most {MAX_SOURCE:,} are read.",
            remedy="Leave some out.",
        )
    parts = _SEPARATOR.split(source.strip()) if isinstance(source, str) else list(source)
    names: dict[str, str] = {}
    repeated: list[str] = []
    blanks = cleaned = 0
    for part in parts:
        if not isinstance(part, str):
            raise ClassTextError(f"A class text is {part!r:.40}, not a string.", remedy="Give every class as text.")
        visible = _without_invisible(part)
        cleaned += visible != part
        spaced = " ".join(visible.split())
        if len(spaced) > MOST_TO_COMPOSE:
            raise _too_long(len(names) + 1, spaced)
        name = unicodedata.normalize("NFC", spaced)
        if not any(unicodedata.category(character)[0] not in "CZ" for character in name):
            blanks += 1
        elif (key := unicodedata.normalize("NFC", name.casefold())) in names:
            repeated.append(name)
        else:
            names[key] = name
    _check(list(names.values()), at_least)
    return ClassTexts(tuple(names.values()), _notes(repeated, blanks, cleaned))


def fill_template(template: str, names: Sequence[str]) -> list[str]:
    """Each name put in the place of {} in a template such as "a photo of a {}".

    Raises:
        ClassTextError: the template does not hold {} exactly once.
    """
    if (found := template.count("{}")) != 1:
        raise ClassTextError(
            f"The template {quoted(template)} holds {{}} {found} times; once is needed.",
            remedy='Write {} where the class text goes, such as "a photo of a {}".',
        )
    return [template.replace("{}", name) for name in names]  # not format(): names and template may hold other braces


def unread_notes(unread: Sequence[str], languages: Sequence[str] = ("English",)) -> tuple[str, ...]:
    """For the texts that an encoder cannot read (`Encoder.unread_texts`): a sentence for the user, or none.

    Args:
        unread: those texts.
        languages: that the encoder reads.
    """
    if not unread:
        return ()
    them = "it" if len(unread) == 1 else "them"
    read = and_listed(languages)
    words = f"{read} words" if len(languages) == 1 else "words of these languages"
    return (
        f"The text encoder reads {read} and cannot make sense of {_listed(unread)}. What is shown for {them} means little: use "
        f"{words}.",
    )


def and_listed(names: Sequence[str]) -> str:
    """Names as a sentence lists them: "A, B and C"."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def quoted(text: str) -> str:
    """A text in quotation marks, shortened to what a message can show."""
    return f'"{text}"' if len(text) <= _SHOWN else f'"{text[:_SHOWN]}…"'


def _without_invisible(text: str) -> str:
    """Without control characters, bidirectional controls and lone surrogates; white space stays."""
    kept = (c for c in _INVISIBLE.sub("", text) if c.isspace() or unicodedata.category(c) not in ("Cc", "Cs"))
    return "".join(kept)


def _check(names: list[str], at_least: int) -> None:
    if len(names) < at_least:
        came = f"only {quoted(names[0])} came" if names else "none came"
        raise ClassTextError(
            f"At least {at_least} different class texts are needed; {came}.",
            remedy="Type two or more, separated by commas or line ends, such as: cat, dog.",
        )
    if len(names) > MAX_TEXTS:
        raise ClassTextError(
            f"{len(names):,} class texts came; at most {MAX_TEXTS:,} are allowed.", remedy="Leave some out."
        )
    for number, name in enumerate(names, start=1):
        if len(name) > MAX_LENGTH:
            raise _too_long(number, name)


def _too_long(number: int, name: str) -> ClassTextError:
    return ClassTextError(
        f"Class text {number}, {quoted(name)}, has {len(name)} characters; at most {MAX_LENGTH} are allowed.",
        remedy="Shorten it, or separate the texts by commas or line ends.",
    )


def _notes(repeated: list[str], blanks: int, cleaned: int) -> tuple[str, ...]:
    notes = []
    if repeated:
        notes.append(f"Repeated class texts were left out: {_listed(repeated)}.")
    if blanks:
        notes.append(f"Empty class texts were left out: {blanks}.")
    if cleaned:
        notes.append(f"Invisible control characters were removed from {cleaned} of the class texts.")
    return tuple(notes)


def _listed(texts: Sequence[str]) -> str:
    return ", ".join(quoted(text) for text in texts[:5]) + (", …" if len(texts) > 5 else "")
