"""What the page Consistency computes: a thing that is there, or a visitor's own, through the space of all things."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from seda.class_texts import parse_class_texts, unread_notes
from seda.config import SamplingConfig
from seda.errors import ClassTextError, DataError, SedaError
from seda.images import thumbnail_png
from seda.player.files import player_font_file
from seda.ui import cache
from seda.ui.consistency.heard import mel_png, played, sound_on_head
from seda.ui.consistency.own import read_own
from seda.ui.consistency.state import OWN, ConsistencyState, Travelled
from seda.ui.serving.line import RUNS
from seda.ui.state import AppState

if TYPE_CHECKING:
    from seda.data.modal_set import ModalSet
    from seda.journeys.modal_journey import Member
    from seda.modal_aligner import ModalAligner

STEPS = 25
NEXT = 3  # names beside a member
Progress = Callable[[int, int], object]


def send(state: AppState, own: ConsistencyState, on_progress: Progress | None = None) -> None:
    """Send what is chosen; what came of it, or what was wrong, lies in the state.

    Args:
        on_progress: told (done, of how many) where the space has to be fitted first.
    """
    own.problem = None
    try:
        with RUNS.turn(state.key, lambda place: None), cache.computing():
            data = cache.things()
            space = cache.modal_space(on_progress)
            words = read_words(own.words, data)
            if own.source == OWN:
                thing = read_own(own, space)
                travelled = _travelled(space, data, thing.title, "", thing.members, words)
                notes = (*words.notes, *thing.notes)
                own.travelled = replace(
                    travelled, heard=thing.heard, failures=thing.failures, notes=notes, sound=thing.sound
                )
            else:
                own.travelled = _of_thing(space, data, own.thing, own.worse / 100, words)
    except SedaError as error:
        own.problem, own.travelled = error, None


@dataclass(frozen=True, eq=False)
class Words:
    """Where all travel to.

    Attributes:
        names: k texts.
        features: float32 [k, d].
        classes: whether they are those that the space was fitted to.
        notes: sentences on what was typed.
    """

    names: tuple[str, ...]
    features: np.ndarray
    classes: bool = True
    notes: tuple[str, ...] = ()


def read_words(typed: str, data: ModalSet) -> Words:
    """The words that were typed, encoded as the names of the space were; its classes where nothing was, or just these.

    Raises:
        ClassTextError: they cannot be used.
        FingerprintError: the names of the space are of another text encoder.
    """
    if are_classes(typed, data):
        return Words(data.class_names, data.class_text_features.mean(1))
    parsed = parse_class_texts(typed)
    encoder = cache.encoder("multilingual")
    cache.modal_space().check_encoder("text", encoder.name, encoder.fingerprint)
    unread = unread_notes(encoder.unread_texts(parsed.names), encoder.languages)
    return Words(parsed.names, encoder.encode_texts(parsed.names).numpy(), False, (*parsed.notes, *unread))


def are_classes(typed: str, data: ModalSet) -> bool:
    """Whether what was typed are the classes of the space, in whatever order, or nothing."""
    try:
        return not typed.strip() or set(parse_class_texts(typed).names) == set(data.class_names)
    except ClassTextError:
        return False


def _of_thing(space: ModalAligner, data: ModalSet, name: str, worse: float, words: Words) -> Travelled:
    """A thing's picture, sound and names, as they ship, or made worse where their files are on this machine."""
    from seda.journeys.modal_journey import Member, name_tile

    if name not in data.item_names:
        raise DataError(f"The thing {name!r:.80} is not among those that are there.", remedy="Choose one of the list.")
    item, members, heard = data.item_names.index(name), [], b""
    raw = cache.raw_thing(item)
    if worse and raw is None:
        raise DataError(
            "Pictures and sounds of these things are not on this machine, only their features: they cannot be made worse.",
            remedy="On Debian run: apt-get install tuxpaint-stamps-default gcompris-qt-data",
        )
    for modality, rows in data.modalities.items():
        for row in np.flatnonzero(rows.items == item):
            called = rows.names[row] or modality
            members.append(Member(modality, called, rows.features[row], name_tile(called, player_font_file())))
    if raw is not None:
        members = [_worsened(member, item, worse) for member in members]
        heard = played(cache.raw_sound(item, worse))
    label = data.class_names[data.labels[item]] if words.classes else ""
    travelled = _travelled(space, data, name, label, members, words)
    return replace(travelled, known=True, notes=words.notes, sound=heard)


def _worsened(member: Member, item: int, worse: float) -> Member:
    """The member with its picture, and made worse where that was asked for."""
    from seda.data.degraded import cropped_picture, gapped_name
    from seda.journeys.modal_journey import name_tile

    if member.modality == "sound":
        sound = cache.raw_sound(item, worse)
        feature = cache.sound_encoder().encode_sounds([sound])[0].numpy() if worse else member.feature
        return replace(member, feature=feature, thumbnail=mel_png(sound), sound=sound_on_head(sound))
    if member.modality == "picture":
        raw = cache.raw_thing(item)
        image = None if raw is None else raw.image()
        if image is None:
            return member
        image = cropped_picture(image, worse)
        feature = cache.picture_scores().encode_images([image])[0].numpy() if worse else member.feature
        return replace(member, feature=feature, thumbnail=thumbnail_png(image))
    name = gapped_name(member.name, worse)
    feature = cache.encoder("multilingual").encode_texts([name])[0].numpy() if worse else member.feature
    return replace(member, name=name, feature=feature, thumbnail=name_tile(name, player_font_file()))


def _travelled(
    space: ModalAligner, data: ModalSet, title: str, label: str, members: list[Member], words: Words
) -> Travelled:
    import torch

    from seda.journeys.modal_journey import modal_journey
    from seda.training.modalities import names_of

    journey = modal_journey(
        space, members, words.names, words.features, SamplingConfig(num_inference_steps=STEPS),
        classes=words.classes, label=label, title=title,
    )  # fmt: skip
    names, features, _ = names_of(data)
    gallery = space.places("text", torch.from_numpy(features)).numpy()
    rows = []
    for member, answer in zip(members, journey.trajectory.class_probabilities, strict=True):
        place = space.places(member.modality, torch.from_numpy(member.feature[None])).numpy()[0]
        near = ", ".join(names[index] for index in np.argsort(-(gallery @ place), kind="stable")[:NEXT])
        best = int(answer.argmax())
        rows.append((member.modality, member.name, words.names[best], float(answer[best]), near))
    return Travelled(title, journey, rows, own_words=not words.classes)
