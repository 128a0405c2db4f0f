"""Arrays of a file by name, kind and shape, decided by the file's header before one of them is read.

Sizes are letters: the same letter is the same number in all arrays of the file, and each has a limit, as have products of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

from seda.storage import ArrayInfo


@dataclass(frozen=True)
class ArrayLayout:
    """What a file may hold.

    Attributes:
        arrays: by a pattern of names: kinds (see `ArrayInfo`) and the shape, such as ("F", "n s d"); "s-1" is one less than s, "*s"
            as large as it likes within the limit of s, and a number is that number. A pattern's group names what `own` sizes belong to.
        limits: largest value by letter.
        products: largest value of products of sizes.
        own: sizes that are each group's own: the dimensions of a map.
        optional: whether arrays may be missing.
    """

    arrays: Mapping[str, tuple[str, str]]
    limits: Mapping[str, int]
    products: Mapping[tuple[str, ...], float] = field(default_factory=dict)
    own: frozenset[str] = frozenset()
    optional: bool = True

    def check(self, infos: Mapping[str, ArrayInfo], known: Mapping[str, int] | None = None) -> dict[str, int]:
        """The sizes by letter.

        Args:
            known: sizes that are known from elsewhere.
        Raises:
            ValueError: an array is missing, not known, not of its kind, does not fit the others or is too large; names it.
        """
        patterns = [(re.compile(pattern), kinds, shape.split()) for pattern, (kinds, shape) in self.arrays.items()]
        sizes = dict(known or {})
        found = set()
        # in the order of the table: what comes first says what the others have to fit
        for place, name in sorted((_place(name, patterns), name) for name in infos):
            found.add(place)
            self._bind(name, infos[name], patterns[place], sizes)
        if not self.optional and (missing := sorted(set(range(len(patterns))) - found)):
            raise ValueError(f"the array {list(self.arrays)[missing[0]]} is missing")
        for letters, most in self.products.items():
            if (product := prod(sizes.get(letter, 1) for letter in letters)) > most:
                counts = " x ".join(f"{sizes.get(letter, 1):,}" for letter in letters)
                raise ValueError(f"{counts} ({' x '.join(letters)}) is {product:,}; at most {int(most):,} are allowed")
        return sizes

    def _bind(
        self, name: str, info: ArrayInfo, entry: tuple[re.Pattern[str], str, Sequence[str]], sizes: dict[str, int]
    ) -> None:
        pattern, kinds, letters = entry
        if info.kind not in kinds or len(info.shape) != len(letters):
            wanted = " or ".join(kinds)
            raise ValueError(f"{name:.80} is {info.kind} {list(info.shape)}; {wanted} [{', '.join(letters)}] is needed")
        found = pattern.fullmatch(name) if pattern.groups else None
        owner = found[1] if found else ""
        for letter, size in zip(letters, info.shape, strict=True):
            letter, _, less = letter.partition("-")
            size += int(less or 0)
            free, letter = letter.startswith("*"), letter.removeprefix("*")
            key = f"{letter} of {owner}" if letter in self.own and owner else letter
            expected = int(letter) if letter.isdigit() else size if free else sizes.setdefault(key, size)
            if expected != size:
                raise ValueError(f"{name:.80} has the shape {list(info.shape)}; {letter} is {expected}")
            if size > self.limits.get(letter, 2**40):
                raise ValueError(
                    f"{name:.80} has the shape {list(info.shape)}; at most {self.limits[letter]:,} are allowed for {letter}"
                )


def _place(name: str, patterns: Sequence[tuple[re.Pattern[str], str, Sequence[str]]]) -> int:
    for place, (pattern, _, _) in enumerate(patterns):
        if pattern.fullmatch(name):
            return place
    raise ValueError(f"the array {name!r:.80} is not known")
