"""An aligner is made in a folder inside of its own, and put in its place when it is whole; after a kill the same call goes on.

    DIR/.making/        weights, card and the maps that are fitted so far; nobody lists it
    DIR/.maps-SUM/      new maps for weights that stay
    DIR/card.json       comes last: what has a card is whole

A new aligner in the place of an old one: the old card goes first, so that between the two there is none. New maps of an aligner
that stays: its card knows the sums of both, old and new, until all of them are in place.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from seda.card import CARD_FILE, CHECKPOINT_FILE, AlignerCard, read_card, read_sums, write_card
from seda.errors import FileFormatError, SedaError, StorageError
from seda.storage import read_json, sha256_file, write_json

FOLDER = ".making"
WHOLE_FILE = "whole.json"  # says that all that is in the folder, or was, only has to be moved, and names it


def making_folder(folder: Path) -> Path:
    """Where an aligner is made, or its maps; what an ended call left is there."""
    return folder / FOLDER


def keep_maps(folder: Path, weights_file: str, old_weights: str) -> None:
    """Of maps that lie in the making folder, or are the aligner's in the place, keep those of the weights that are being made.

    Args:
        folder: of the aligner.
        weights_file: name of the weights in the making folder.
        old_weights: their sum when the maps there were fitted; "" where there were none.
    """
    made = making_folder(folder)
    weights = sha256_file(made / weights_file)
    if old_weights != weights:
        for path in [*made.glob("map-*.safetensors"), *made.glob("*.part")]:
            path.unlink(missing_ok=True)
    try:
        read_card(folder)
    except SedaError:  # none there, or damaged
        return
    if sha256_file(folder / weights_file) == weights:
        for path in folder.glob("map-*.safetensors"):
            if not (made / path.name).exists():
                shutil.copyfile(path, made / path.name)


def put_in_place(folder: Path) -> None:
    """Move what was made, which is whole, to its place; the card last. Nothing to do where nothing is whole.

    Raises:
        StorageError: the folder cannot be written.
    """
    made = making_folder(folder)
    if not (made / WHOLE_FILE).is_file():
        return
    try:
        if (made / CARD_FILE).is_file():
            (folder / CARD_FILE).unlink(missing_ok=True)
            names = read_json(made / WHOLE_FILE)
            for path in folder.glob("*.safetensors"):  # of the old aligner, which the new one may not have
                if path.name not in (*names, CHECKPOINT_FILE):
                    path.unlink()
        for path in sorted(made.glob("*.safetensors")):
            path.replace(folder / path.name)
        if (made / CARD_FILE).is_file():
            (made / CARD_FILE).replace(folder / CARD_FILE)
        shutil.rmtree(made)
    except OSError as error:
        raise StorageError(f"{folder} could not be written: {error.strerror or error}.") from error


def finish_aligner(folder: Path, card: AlignerCard) -> None:
    """The aligner in the making folder is whole: write its card and put all in its place.

    Raises:
        StorageError: the folder cannot be written.
    """
    made = making_folder(folder)
    write_card(made, card)
    write_json(made / WHOLE_FILE, sorted(path.name for path in made.glob("*.safetensors")))
    put_in_place(folder)


def maps_folder(folder: Path, weights_file: str) -> Path:
    """Where new maps of an aligner are made; another one for other weights."""
    return folder / f".maps-{sha256_file(folder / weights_file)[:16]}"


def finish_maps(folder: Path, made: Path, card: AlignerCard, names: Mapping[str, str]) -> None:
    """New maps of an aligner are whole: put them in place of the old ones.

    Args:
        made: folder that they are in.
        names: files there, and their sums.
    Raises:
        StorageError: the folder cannot be written.
    """
    try:
        known = read_sums(folder)
    except FileFormatError:  # maps that are damaged are a reason to fit them anew
        known = {}
    # a map that is new is not in the card before it is there
    both = {name: tuple(dict.fromkeys([*known[name], new])) for name, new in names.items() if name in known}
    write_card(folder, card, both)
    for name in names:
        try:
            (made / name).replace(folder / name)
        except OSError as error:
            raise StorageError(f"{folder / name} could not be written: {error.strerror or error}.") from error
    write_card(folder, card)
    for left in folder.glob(".maps-*"):
        shutil.rmtree(left, ignore_errors=True)
