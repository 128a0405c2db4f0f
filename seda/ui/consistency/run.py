"""What the page Consistency computes: a thing, or a sound that came, through the space of all things."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from seda.config import SamplingConfig
from seda.errors import DataError, SedaError
from seda.images import thumbnail_png
from seda.player.files import player_font_file
from seda.sounds import Sound, read_sound, wav_bytes
from seda.ui import cache
from seda.ui.consistency.state import ConsistencyState, Travelled
from seda.ui.serving.line import RUNS
from seda.ui.state import AppState, NamedFile

if TYPE_CHECKING:
    from seda.data.modal_set import ModalSet
    from seda.journeys.modal_journey import Member
    from seda.modal_aligner import ModalAligner

STEPS = 25
NEXT = 3  # names beside a member
PLAYED_RATE = 22_050  # samples a second of what the browser plays


def send(state: AppState, own: ConsistencyState, title: str, *, file: NamedFile | None = None) -> None:
    """Send a thing by its name, or a sound; what came of it, or what was wrong, lies in the state."""
    own.problem = None
    try:
        with RUNS.turn(state.key, lambda place: None), cache.computing():
            own.travelled = _of_sound(file) if file is not None else _of_thing(title, own.worse / 100)
    except SedaError as error:
        own.problem, own.travelled = error, None


def _of_sound(file: NamedFile) -> Travelled:
    """A sound alone, beside nothing: where does it land?"""
    from seda.journeys.modal_journey import Member

    sound = read_sound(file.content, file.name)
    space, data, encoder = cache.modal_space(), cache.things(), cache.sound_encoder()
    space.check_encoder("sound", encoder.name, encoder.fingerprint)
    feature = encoder.encode_sounds([sound])[0].numpy()
    member = Member("sound", file.name, feature, _mel_png(sound))
    return _travelled(space, data, file.name, "", [member], sound.notes, _played(sound))


def _of_thing(name: str, worse: float) -> Travelled:
    """A thing's picture, sound and names, as they ship, or made worse where their files are on this machine."""
    from seda.journeys.modal_journey import Member, name_tile

    space, data = cache.modal_space(), cache.things()
    if name not in data.item_names:
        raise DataError(f"The thing {name!r:.80} is not among those that are there.", remedy="Choose one of the list.")
    item, members, played = data.item_names.index(name), [], b""
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
        played = _played(cache.raw_sound(item, worse))
    return _travelled(space, data, name, data.class_names[data.labels[item]], members, (), played)


def _worsened(member: Member, item: int, worse: float) -> Member:
    """The member with its picture, and made worse where that was asked for."""
    from seda.data.degraded import cropped_picture, gapped_name
    from seda.journeys.modal_journey import name_tile

    if member.modality == "sound":
        sound = cache.raw_sound(item, worse)
        feature = cache.sound_encoder().encode_sounds([sound])[0].numpy() if worse else member.feature
        return replace(member, feature=feature, thumbnail=_mel_png(sound))
    encoder = cache.encoder("multilingual") if worse else None
    if member.modality == "picture":
        raw = cache.raw_thing(item)
        image = None if raw is None else raw.image()
        if image is None:
            return member
        image = cropped_picture(image, worse)
        feature = member.feature if encoder is None else encoder.encode_images([image])[0].numpy()
        return replace(member, feature=feature, thumbnail=thumbnail_png(image))
    name = gapped_name(member.name, worse)
    feature = member.feature if encoder is None else encoder.encode_texts([name])[0].numpy()
    return replace(member, name=name, feature=feature, thumbnail=name_tile(name, player_font_file()))


def _travelled(
    space: ModalAligner,
    data: ModalSet,
    title: str,
    label: str,
    members: list[Member],
    notes: tuple[str, ...],
    played: bytes,
) -> Travelled:
    import torch

    from seda.journeys.modal_journey import modal_journey
    from seda.training.modalities import names_of

    texts = data.class_text_features.mean(1)
    journey = modal_journey(
        space, members, data.class_names, texts, SamplingConfig(num_inference_steps=STEPS), label=label, title=title
    )
    names, features, _ = names_of(data)
    gallery = space.places("text", torch.from_numpy(features)).numpy()
    rows = []
    for member, answer in zip(members, journey.trajectory.class_probabilities, strict=True):
        place = space.places(member.modality, torch.from_numpy(member.feature[None])).numpy()[0]
        near = ", ".join(names[index] for index in np.argsort(-(gallery @ place), kind="stable")[:NEXT])
        best = int(answer.argmax())
        rows.append((member.modality, member.name, data.class_names[best], float(answer[best]), near))
    return Travelled(title, journey, rows, notes, played)


def _mel_png(sound: Sound) -> bytes:
    from seda.mel import mel_picture

    buffer = io.BytesIO()
    mel_picture(sound).save(buffer, "PNG")
    return buffer.getvalue()


def _played(sound: Sound) -> bytes:
    samples = sound.at(PLAYED_RATE)
    return wav_bytes(samples / max(float(np.abs(samples).max()), 1e-6), PLAYED_RATE)
