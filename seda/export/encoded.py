"""A file that has been made, and what there is to say of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Encoded:
    """
    Attributes:
        content: of the file.
        notes: sentences for whoever asked for it, such as letters that no font has.
    """

    content: bytes
    notes: tuple[str, ...] = ()
