"""What is loaded once for all visitors. The only caches of the screen; everything here is read-only.

Keys are names and fingerprints, never arrays. torch, encoders and aligners are imported inside, at the first run.
`lru_cache` where a page asks often for what is made fast: st.cache_resource looks at the function's signature at each call.
"""

from __future__ import annotations

import gc
import json
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from seda.card import CARD_FILE, AlignerCard, read_card
from seda.errors import FileFormatError, SedaError
from seda.images import SUFFIXES
from seda.journeys.journey import Journey
from seda.player.payload import player_payload
from seda.shipped import ASSETS
from seda.storage import read_json
from seda.ui.pictures import ReadPicture, picture_strip
from seda.ui.serving.visitor import aligner_folder
from seda.ui.state import NamedFile

if TYPE_CHECKING:
    from seda.data.modal_set import ModalSet
    from seda.data.things import Thing
    from seda.encoders import Encoder
    from seda.encoders.category_scores import CategoryScores
    from seda.encoders.openclip_list import OpenClipInfo
    from seda.encoders.sounds import SoundEncoder
    from seda.encoders.speech import Transcriber
    from seda.journeys.tracing import Workbench
    from seda.modal_aligner import ModalAligner
    from seda.sounds import Sound

STRIP = 5  # items that stand for an example
MODELS = 2  # aligners, and encoders, that are kept: two visitors may look through different ones in turns
JOURNEYS = ASSETS / "journeys"
MEASURED = ASSETS / "benchmark" / "consistency.json"
LESSON = JOURNEYS.parent / "lesson" / "photos.safetensors"
SAMPLES = ASSETS / "samples"
_were_loaded = threading.Event()
_space: list[ModalAligner] = []  # none, or the one
_space_lock = threading.Lock()


@dataclass(frozen=True)
class Sample:
    """An item that ships with the program.

    Attributes:
        key: folder and file name.
        name: for the screen.
        label: what it shows; may be empty.
        source: where it is from and under which licence.
        path: of its file.
    """

    key: str
    name: str
    label: str
    source: str
    path: Path


def example_names() -> list[str]:
    """Names of the stored examples, sorted; the first greets a visitor."""
    return sorted(path.stem for path in JOURNEYS.glob("*.safetensors"))


def example(name: str) -> Journey:
    """A stored example.

    Raises:
        FileFormatError: the file is damaged.
    """
    path = JOURNEYS / f"{name}.safetensors"
    return _example(str(path), path.stat().st_mtime_ns)


def lesson() -> Journey:
    """The journey that the lesson is told with: that of the first example, and other seeds of one of its items.

    Raises:
        FileFormatError: the file is damaged.
    """
    return _example(str(LESSON), LESSON.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _example(path: str, changed: int) -> Journey:
    return Journey.load(path)


def example_strip(name: str) -> tuple[str, tuple[str, ...]]:
    """A few of a stored example's own items side by side, as a data URL, and their names.

    Raises:
        FileFormatError: the file is damaged.
    """
    path = JOURNEYS / f"{name}.safetensors"
    return _example_strip(str(path), path.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _example_strip(path: str, changed: int) -> tuple[str, tuple[str, ...]]:
    journey = _example(path, changed)
    count = min(STRIP, len(journey.thumbnails))
    chosen = [place * len(journey.thumbnails) // count for place in range(count)]
    strip = picture_strip([journey.thumbnails[place] for place in chosen])
    return strip, tuple(journey.trajectory.item_names[place] for place in chosen)


def read_replay(content: bytes, name: str) -> Journey:
    """A replay that a visitor opened.

    Raises:
        FileFormatError: the file is damaged, of another kind or of another version, or does not make a journey that can be shown.
    """
    journey = Journey.from_bytes(content, name)
    try:
        player_payload(journey)  # remembered; a file may be well-formed and still make no sense
    except SedaError as error:
        raise FileFormatError(f"{name} cannot be played: {error.message}", remedy=error.remedy) from error
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise FileFormatError(f"{name} cannot be played ({error}).", remedy="Trace the images again.") from error
    return journey


def card(aligner: str) -> AlignerCard:
    """An aligner's card, checked; read again when it has changed.

    Raises:
        SedaError: there is none, or it is damaged.
    """
    path = aligner_folder(aligner) / CARD_FILE
    return _card(str(path.parent), path.stat().st_mtime_ns)


def card_or_none(aligner: str) -> AlignerCard | None:
    """The same where a page can do without: what is wrong is said when Run is pressed, and on the aligner's page."""
    try:
        return card(aligner)
    except SedaError:
        return None


@lru_cache(maxsize=8)
def _card(folder: str, changed: int) -> AlignerCard:
    return read_card(folder)


@st.cache_resource(max_entries=1, show_spinner=False)
def samples() -> tuple[Sample, ...]:
    """Every item below assets/samples that a samples.json lists, or that lies in a folder without one."""
    found = []
    for folder in sorted({path.parent for path in SAMPLES.glob("**/*") if path.suffix.lower() in SUFFIXES}):
        listed = folder / "samples.json"
        entries = (
            read_json(listed)
            if listed.is_file()
            else [{"file": path.name} for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES]
        )
        found += [_sample(folder, entry) for entry in entries if (folder / entry["file"]).is_file()]
    return tuple(found)


def _sample(folder: Path, entry: dict[str, str]) -> Sample:
    path = folder / entry["file"]
    source = entry.get("source", "")
    source = source if isinstance(source, str) else json.dumps(source, ensure_ascii=False)
    return Sample(f"{folder.name}/{path.name}", entry.get("name", path.stem), entry.get("label", ""), source, path)


@st.cache_resource(max_entries=256, show_spinner=False)
def sample_thumbnail(path: Path) -> str:
    """A sample in small, as a data URL; see `seda.ui.pictures`."""
    return ReadPicture.of(NamedFile(path.name, path.read_bytes())).thumbnail


def sample_files(keys: Collection[str]) -> tuple[NamedFile, ...]:
    """The samples of these keys, in their own order."""
    return tuple(NamedFile(sample.name, sample.path.read_bytes()) for sample in samples() if sample.key in keys)


def example_files(name: str) -> tuple[NamedFile, ...]:
    """The samples that a stored example was traced from, in its order; empty where not all of them are samples."""
    files = {sample.path.stem.replace("-", " "): sample.path for sample in samples()}
    paths = [files.get(item) for item in example(name).trajectory.item_names]
    return tuple(NamedFile(path.name, path.read_bytes()) for path in paths if path) if all(paths) else ()


def device() -> str:
    """Where runs are computed. Imports torch."""
    from seda.device import best_device

    return best_device()


importing = threading.Lock()  # held by who imports packages whose parts import each other


def import_in_turn() -> None:
    """Import scikit-learn: its parts import each other, and of two threads that begin with different parts one would meet half of another."""
    with importing:
        import sklearn.manifold  # noqa: F401  (brings all parts that are used)


@contextmanager
def computing() -> Iterator[None]:
    """Around everything that computes for a visitor; see `seda.device.alone` and `give_back`."""
    from seda.device import alone, give_back

    import_in_turn()
    # elsewhere there is no MPS, so torch need not be imported to ask for it
    with alone(device()) if sys.platform == "darwin" else nullcontext():
        try:
            yield
        finally:
            give_back()


def workbench(aligner: str) -> Workbench:
    """Aligner, encoder and maps, ready to trace. Imports torch and the encoder's libraries at the first call.

    Raises:
        SedaError: the aligner or its encoder cannot be loaded, or they do not belong together.
    """
    return _workbench(*workbench_key(aligner))


def bare_workbench(aligner: str) -> Workbench:
    """Aligner and maps alone, for features that came from elsewhere: its encoder may not be on this machine.

    Raises:
        SedaError: the aligner cannot be loaded.
    """
    path = aligner_folder(aligner) / CARD_FILE
    return _bare_workbench(str(path.parent), path.stat().st_mtime_ns, device())


def workbench_key(aligner: str) -> tuple[str, int, int, str]:
    """The same for as long as a workbench is: folder, when its card and its encoder's weights were changed, device.

    Raises:
        SedaError: there is no such aligner.
    """
    path = aligner_folder(aligner) / CARD_FILE
    return str(path.parent), path.stat().st_mtime_ns, _weights_changed(card(aligner).encoder), device()


def _freed(loaded: object) -> None:
    """After a model was replaced: cycles go, and what torch keeps of the device for later."""
    from seda.device import release

    del loaded
    gc.unfreeze()
    gc.collect()
    release(device())


@st.cache_resource(max_entries=MODELS, show_spinner=False, on_release=_freed)
def _bare_workbench(folder: str, changed: int, device: str) -> Workbench:
    from seda.aligner import load_aligner
    from seda.journeys.tracing import bare_workbench

    return bare_workbench(load_aligner(folder, device))


@st.cache_resource(max_entries=MODELS, show_spinner=False, on_release=_freed)
def _workbench(folder: str, changed: int, weights_changed: int, device: str) -> Workbench:
    bare = _bare_workbench(folder, changed, device)
    workbench = replace(bare, encoder=encoder(bare.aligner.card.encoder))
    _were_loaded.set()
    # The collector leaves alone from now on what lives as long as the models; else a full collection takes half a second, comes
    # seldom, and what runs leave behind waits for it.
    gc.collect()
    gc.freeze()
    return workbench


def models_loaded() -> bool:
    """Whether an aligner and its encoder were loaded since the server started: before, a run takes longer."""
    return _were_loaded.is_set()


def encoder(name: str) -> Encoder:
    """An encoder by name, shared by all aligners that look through it; a local checkpoint is read again when it has changed.

    Args:
        name: see `load_encoder`.
    Raises:
        SedaError: it cannot be loaded.
    """
    return _encoder(name, _weights_changed(name), device())


def _weights_changed(encoder: str) -> int:
    """When a local checkpoint was changed last, ns; 0 where the weights are published ones."""
    from seda.encoders import local_weights

    path = local_weights(encoder)
    files = [] if path is None else [path, *path.glob("*")]
    return max((file.stat().st_mtime_ns for file in files if file.exists()), default=0)


@st.cache_resource(max_entries=MODELS, show_spinner=False, on_release=_freed)
def _encoder(name: str, changed: int, device: str) -> Encoder:
    from seda.encoders import load_encoder

    return load_encoder(name, device)


@st.cache_resource(max_entries=1, ttl=60, show_spinner=False)
def open_clip_models() -> tuple[OpenClipInfo, ...]:
    """All published weights of open_clip, by family. Imports open_clip; looked up again after a minute: files may have come."""
    from seda.encoders.openclip_list import list_open_clip

    return tuple(list_open_clip())


@st.cache_resource(max_entries=1, show_spinner=False)
def things() -> ModalSet:
    """Features of the things that come with the program, in all their modalities.

    Raises:
        FileFormatError: the file is missing or damaged.
    """
    from seda.data.thing_features import shipped_things

    return shipped_things()


def modal_space(on_progress: Callable[[int, int], object] | None = None) -> ModalAligner:
    """The space of those things; fitted at the first call on this machine, see `fitted_space`. Who comes meanwhile waits.

    Args:
        on_progress: told (done, of how many) while it is fitted; a progress bar would not be allowed in a cache of Streamlit's.
    """
    from seda.training.modalities import fitted_space

    with _space_lock:
        if not _space:
            _space.append(fitted_space(things(), on_progress))
        return _space[0]


@st.cache_resource(max_entries=1, show_spinner=False)
def sound_encoder() -> SoundEncoder:
    """What hears sounds; its weights are loaded at the first sound."""
    from seda.encoders.sounds import load_sound_encoder

    return load_sound_encoder()


def picture_scores() -> CategoryScores:
    """What sees pictures for the space of things: the multilingual encoder's classifier, known by name.

    Raises:
        SedaError: the encoder cannot be loaded.
    """
    from seda.encoders.base import has_head
    from seda.encoders.category_scores import CategoryScores

    one = encoder("multilingual")
    assert has_head(one), "Its image model came with a classifier."
    return CategoryScores(one)


@st.cache_resource(max_entries=1, show_spinner=False)
def transcriber() -> Transcriber:
    """What hears spoken names; its weights are loaded at the first one."""
    from seda.encoders.speech import Transcriber

    return Transcriber()


@lru_cache(maxsize=1)
def speech_is_there() -> bool:
    """Whether the packages that spoken names need are installed; looked up once."""
    from seda.encoders.speech import speech_is_there

    return speech_is_there()


@st.cache_resource(max_entries=1, show_spinner=False)
def _raw_things() -> tuple[Thing, ...]:
    """The things' own files; none where their packages are not on this machine, or are of another version."""
    from seda.data.things import read_things

    try:
        found = tuple(read_things())
    except SedaError:
        return ()
    return found if tuple(thing.name for thing in found) == things().item_names else ()


def raw_thing(item: int) -> Thing | None:
    """A thing's own files, by its place among `things`; None where they are not on this machine."""
    found = _raw_things()
    return found[item] if found else None


def raw_sound(item: int, worse: float) -> Sound:
    """A thing's sound with noise under it, see `noisy_sound`; for things whose files are there."""
    from seda.data.degraded import noisy_sound
    from seda.sounds import read_sound

    thing = _raw_things()[item]
    return noisy_sound(read_sound(thing.sound, thing.name), worse)


@lru_cache(maxsize=1)
def consistency_measured() -> dict[str, Any] | None:
    """What `python -m seda consistency` measured, as it ships; None where nothing does."""
    return read_json(MEASURED) if MEASURED.is_file() else None
