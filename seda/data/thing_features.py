"""Features of the things of `seda.data.things`, as they ship and as they are made again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from seda.aligner import PretrainedAligner
from seda.data.modal_set import TEXT, Modality, ModalSet, read_modal_file
from seda.data.things import GROUPS, KINDS, LANGUAGES, Thing
from seda.encoders.base import Encoder, HeadedEncoder
from seda.encoders.category_scores import CategoryScores
from seda.encoders.sounds import SoundEncoder
from seda.errors import SoundError
from seda.shipped import ASSETS
from seda.sounds import Sound, read_sound

SHIPPED = ASSETS / "features" / "things.safetensors"
PICTURE, SOUND = "picture", "sound"
MOST_KNOWN = 190  # words of a group; there are that many mammals


def shipped_things() -> ModalSet:
    """The features that come with the program; see assets/README.md.

    Raises:
        FileFormatError: the file is missing or damaged.
    """
    return read_modal_file(SHIPPED)


def encode_things(
    things: Sequence[Thing],
    encoder: HeadedEncoder,
    sounds: SoundEncoder,
    known: Sequence[tuple[str, int]] = (),
    on_progress: Callable[[str, int, int], object] | None = None,
) -> ModalSet:
    """Features of things in three modalities: pictures and names by one encoder, sounds by another; of pictures and of sounds they are
    scores of kinds that the encoder knows by name.

    Args:
        known: words beside the things, each with its group; see `known_words`.
        on_progress: told (what, done, of how many).
    Raises:
        WeightsError: the weights of an encoder are missing.
    """
    tell = on_progress or (lambda *_: None)
    heard = [(item, sound) for item, thing in enumerate(things) if (sound := _sound(thing)) is not None]
    rows = []
    for done, (_, sound) in enumerate(heard):
        tell("encoding sounds", done, len(heard))
        rows.append(sounds.encode_sounds([sound])[0].numpy())
    tell("encoding pictures", 0, 1)
    seen = [(item, image) for item, thing in enumerate(things) if (image := thing.image()) is not None]
    scores = CategoryScores(encoder)
    pictures = scores.encode_images([image for _, image in seen]).numpy()
    named = [
        (item, code, thing.names[code]) for item, thing in enumerate(things) for code in LANGUAGES if code in thing.names
    ]  # fmt: skip
    names = encoder.encode_texts([name for _, _, name in named]).numpy()
    kins = {kin: number for number, kin in enumerate(dict.fromkeys(thing.kin for thing in things))}
    return ModalSet(
        "things",
        tuple(thing.name for thing in things),
        np.array([thing.group for thing in things], np.int64),
        np.array([kins[thing.kin] for thing in things], np.int64),
        GROUPS,
        encoder.encode_texts(GROUPS).numpy()[:, None],
        {
            PICTURE: _scored(pictures, seen, scores, encoder),
            SOUND: _scored(np.stack(rows), heard, sounds, encoder),
            TEXT: Modality(
                names,
                _items(named),
                tuple(code for _, code, _ in named),
                tuple(name for *_, name in named),
                encoder.name,
                encoder.fingerprint,
            ),
        },
        encoder.encode_texts([word for word, _ in known]).numpy(),
        np.array([group for _, group in known], np.int64),
    )


def _scored(
    features: np.ndarray, rows: Sequence[tuple[Any, ...]], of: CategoryScores | SoundEncoder, encoder: Encoder
) -> Modality:
    """A row for each thing that has one, of features that are scores of kinds."""
    nothing = ("",) * len(rows)
    return Modality(
        features, _items(rows), nothing, nothing, of.name, of.fingerprint, class_texts(of.class_words, encoder)
    )


def class_texts(class_words: Sequence[Sequence[str]], encoder: Encoder) -> np.ndarray | None:
    """Text features [D, d] of classes that are known by one or several words each, their mean; None where there are no classes."""
    if not class_words:
        return None
    flat = list(dict.fromkeys(word for words in class_words for word in words))
    features = dict(zip(flat, encoder.encode_texts(flat).numpy(), strict=True))
    return np.stack([np.mean([features[word] for word in words], 0) for words in class_words])


def known_words(aligner: PretrainedAligner, encoder: Encoder, seed: int = 0) -> list[tuple[str, int]]:
    """Names of an open vocabulary's categories with their group, told by what WordNet says that they are a kind of.

    Args:
        aligner: of an open vocabulary, whose categories are known by their kinds too.
        encoder: of its words.
        seed: of the choice where a group has more than MOST_KNOWN.
    """
    posterior = aligner.aligner.translator.word_posterior
    assert posterior is not None, "An open vocabulary has one."
    words = torch.nn.functional.normalize(posterior.words, dim=1)
    group = np.full(len(aligner.card.class_names), -1)
    for index in reversed(range(len(KINDS))):
        kinds = aligner.aligner.text_scaler(encoder.encode_texts(KINDS[index]))
        nearest = (words @ torch.nn.functional.normalize(kinds, dim=1).T).argmax(0)
        group[torch.isin(posterior.members, nearest).any(1).numpy()] = index
    rng, found = np.random.default_rng(seed), []
    for index in range(len(KINDS)):
        chosen = np.sort(rng.permutation(np.flatnonzero(group == index))[:MOST_KNOWN])
        found += [(aligner.card.class_names[one], index) for one in chosen]
    return found


def _sound(thing: Thing) -> Sound | None:
    try:
        return read_sound(thing.sound, thing.key)
    except SoundError:
        return None


def _items(rows: Sequence[tuple[Any, ...]]) -> np.ndarray:
    return np.array([row[0] for row in rows], np.int64)
