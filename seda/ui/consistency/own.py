"""A thing of one's own: what came of it, read and encoded part by part, so that one that cannot be read leaves the others alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from seda.class_texts import parse_class_texts, quoted, unread_notes
from seda.errors import DataError, SedaError
from seda.images import read_image, thumbnail_png
from seda.player.files import player_font_file
from seda.sounds import read_sound
from seda.ui import cache
from seda.ui.consistency.heard import mel_png, named_sounds, played, sound_on_head
from seda.ui.consistency.state import SPOKEN, TOLD, ConsistencyState
from seda.ui.serving.refusals import log_refusal

if TYPE_CHECKING:
    from seda.journeys.modal_journey import Member
    from seda.modal_aligner import ModalAligner

MOST_NAMES = 16  # that travel at once; chosen here: more hide each other at five words
GUESSED = 0.7  # probability of a language below which it is said how to correct it; chosen here


@dataclass
class OwnThing:
    """What there is of it.

    Attributes:
        members: that can travel, in the order of the screen.
        heard: what the encoder of sounds calls it, and what was heard of a spoken name, sentences.
        failures: what could not be read, and why, sentences.
        notes: on what was read, sentences.
        sound: WAV bytes for the page; empty where none came.
    """

    members: list[Member] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    sound: bytes = b""

    @property
    def title(self) -> str:
        """A name where it has one, else that of its file."""
        named = [one.name for one in self.members if one.modality == "text"]
        return next(iter([*named, *(one.name for one in self.members)]), "")


def read_own(own: ConsistencyState, space: ModalAligner) -> OwnThing:
    """All that can be read of a visitor's thing.

    Raises:
        DataError: nothing of what came can be read.
    """
    thing = OwnThing()
    parts: tuple[tuple[str, Callable[[ConsistencyState, OwnThing, ModalAligner], None], object], ...] = (
        ("picture", _picture, own.picture), ("sound", _sound, own.sound), ("names", _typed, own.typed.strip()),
        ("speech", _spoken, own.spoken),
    )  # fmt: skip
    for what, read, came in parts:
        if not came:
            continue
        try:
            read(own, thing, space)
        except SedaError as error:
            log_refusal(what, error)
            thing.failures.append(str(error))
    if not thing.members and thing.failures:
        raise DataError(f"Nothing of it can travel. {' '.join(thing.failures)}")
    return thing


def _picture(own: ConsistencyState, thing: OwnThing, space: ModalAligner) -> None:
    from seda.journeys.modal_journey import Member

    assert own.picture is not None
    image, encoder = read_image(own.picture.content, own.picture.name), cache.picture_scores()
    space.check_encoder("picture", encoder.name, encoder.fingerprint)
    feature = encoder.encode_images([image])[0].numpy()
    thing.members.append(Member("picture", own.picture.name, feature, thumbnail_png(image)))


def _sound(own: ConsistencyState, thing: OwnThing, space: ModalAligner) -> None:
    from seda.journeys.modal_journey import Member

    assert own.sound is not None
    sound, encoder = read_sound(own.sound.content, own.sound.name), cache.sound_encoder()
    space.check_encoder("sound", encoder.name, encoder.fingerprint)
    feature = encoder.encode_sounds([sound])[0].numpy()
    thing.members.append(Member("sound", own.sound.name, feature, mel_png(sound), sound_on_head(sound)))
    thing.heard.extend(named_sounds(feature, encoder.class_words))
    thing.notes.extend(sound.notes)
    thing.sound = played(sound)


def _typed(own: ConsistencyState, thing: OwnThing, space: ModalAligner) -> None:
    parsed = parse_class_texts(own.typed, at_least=0)
    if len(parsed.names) > MOST_NAMES:
        left = len(parsed.names) - MOST_NAMES
        thing.failures.append(f"At most {MOST_NAMES} names travel at once; the last {left} were left out.")
    thing.notes.extend(parsed.notes)
    _add_names(thing, space, parsed.names[:MOST_NAMES])


def _spoken(own: ConsistencyState, thing: OwnThing, space: ModalAligner) -> None:
    assert own.spoken is not None
    sound = read_sound(own.spoken.content, SPOKEN)
    spoken = cache.transcriber().transcribe(sound, None if own.language == TOLD else own.language)
    how = f"{spoken.language}, {spoken.probability:.0%}" if own.language == TOLD else f"as {spoken.language}"
    guessed = " If that is wrong, choose its language, or type it." if spoken.probability < GUESSED else ""
    thing.heard.append(f"Heard: {quoted(spoken.text)} ({how}).{guessed}")
    thing.notes.extend([note for note in sound.notes if "telephone" not in note] + list(spoken.notes))
    _add_names(thing, space, parse_class_texts([spoken.text], at_least=1).names, sound_on_head(sound))


def _add_names(thing: OwnThing, space: ModalAligner, names: tuple[str, ...], sound: bytes = b"") -> None:
    from seda.journeys.modal_journey import Member, name_tile

    if not names:
        return
    encoder = cache.encoder("multilingual")
    space.check_encoder("text", encoder.name, encoder.fingerprint)
    features = encoder.encode_texts(names).numpy()
    thing.notes.extend(unread_notes(encoder.unread_texts(names), encoder.languages))
    for name, feature in zip(names, features, strict=True):
        thing.members.append(Member("text", name, feature, name_tile(name, player_font_file()), sound))
