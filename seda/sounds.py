"""Safe reading of untrusted sounds: WAV, FLAC, OGG and MP3, with limits and errors that say what to do.

The content decides, not the extension. What is unusual and still can be heard, such as a telephone's 8,000 samples a second or
seven channels, is read, and `Sound.notes` says so.
"""

from __future__ import annotations

import io
import wave
from collections.abc import Iterable
from dataclasses import dataclass
from math import gcd
from typing import TYPE_CHECKING

import numpy as np

from seda.errors import SoundError
from seda.storage import Source, read_source, reason_of

if TYPE_CHECKING:
    from soundfile import SoundFile

FORMATS = ("WAV", "WAVEX", "RF64", "FLAC", "OGG", "MP3")  # as libsndfile calls them
SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".mp3")

# Limits, chosen here
MAX_FILE_BYTES = 32 * 2**20  # as for pictures; a minute of stereo at 48 kHz has 11 MB
MIN_SECONDS, MAX_SECONDS = 0.05, 60.0  # a click; what an encoder hears in two seconds of work
MIN_RATE, MAX_RATE = 2_000, 384_000  # samples a second; the slowest of Tux Paint's sounds has 5,000
MAX_CHANNELS = 16
TELEPHONE = 16_000  # samples a second below which half of what an ear hears is missing
USUAL_RATES = (44_100, 48_000)
SILENCE = 1e-4  # of full scale, -80 dB: below the noise of any microphone
BLOCK = 2**18  # samples of a channel that are decoded at a time

_ALLOWED = "WAV, FLAC, OGG and MP3"
_SAVE_AGAIN = "Open it in a sound program, save it as WAV or FLAC, and try again."
_OTHERS = {
    b"\x89PNG": "a PNG picture", b"\xff\xd8\xff": "a JPEG picture", b"GIF8": "a GIF picture", b"BM": "a BMP picture",
    b"%PDF": "a PDF document", b"PK\x03\x04": "a ZIP archive", b"MThd": "a MIDI file, which holds notes and no sound",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Sound:
    """A sound that was read.

    Attributes:
        name: how messages call it.
        samples: float32 [t], one channel, about -1 to 1: lossy formats go beyond.
        rate: samples a second.
        notes: sentences on what was done to it, or on what is not in it.
    """

    name: str
    samples: np.ndarray
    rate: int
    notes: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / self.rate

    def at(self, rate: int) -> np.ndarray:
        """Its samples, float32 [t'], at another rate: a polyphase low-pass filter, which lets nothing above half of it through."""
        if rate == self.rate:
            return self.samples
        from scipy.signal import resample_poly

        shared = gcd(rate, self.rate)
        return resample_poly(self.samples, rate // shared, self.rate // shared).astype(np.float32)


def read_sound(source: Source, name: str) -> Sound:
    """Read one sound, all channels mixed into one.

    Args:
        source: a path (also as str), the bytes of a file, or an open binary file (read from where it stands).
        name: how messages call the sound.
    Raises:
        SoundError: missing, empty, too large, too long or too short, not one of FORMATS, cut off, damaged, or silent; or
            the package soundfile is not there.
    """
    data = read_source(
        source,
        name,
        MAX_FILE_BYTES,
        SoundError,
        what="sound",
        smaller=f"Cut it to at most {MAX_SECONDS:.0f} s, or save it as FLAC, OGG or MP3.",
    )
    with _open(data, name) as file:
        rate, channels = _checked(file, name)
        samples = _decode(file, name)
    if len(samples) < MIN_SECONDS * rate:
        raise SoundError(
            f"{name} is {len(samples) / rate:.3f} s long; at least {MIN_SECONDS} s are needed.",
            remedy="Choose a longer part of it.",
        )
    samples = np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0)
    if float(np.abs(samples - samples.mean()).max()) < SILENCE:
        raise SoundError(
            f"{name} is silent: nothing in its {len(samples) / rate:.1f} s is above -80 dB.",
            remedy="Check the microphone, or choose another sound.",
        )
    return Sound(name, samples, rate, tuple(_notes(name, rate, channels)))


def wav_bytes(samples: np.ndarray, rate: int) -> bytes:
    """A WAV file of 16 bits of samples [t] in -1 to 1, for a browser to play."""
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return made.getvalue()


def _open(data: bytes, name: str) -> SoundFile:
    """The sound with its header read and nothing decoded."""
    try:
        import soundfile
    except (ImportError, OSError) as error:  # OSError: the package is there, its library is not
        raise SoundError(
            "Sounds are read by the package soundfile, which is not installed.", remedy="Run: pip install soundfile"
        ) from error
    try:
        return soundfile.SoundFile(io.BytesIO(data))
    except (soundfile.LibsndfileError, RuntimeError, TypeError, ValueError) as error:
        raise SoundError(f"{name} {_what(data)}; read are {_ALLOWED}.", remedy=_SAVE_AGAIN) from error


def _what(data: bytes) -> str:
    """What a file is that is no sound, as far as its first bytes say."""
    if data[4:8] == b"ftyp":
        return "seems to be an M4A sound or a video"
    if data[8:12] == b"WEBP":
        return "is a WebP picture and no sound"
    found = next((what for begins, what in _OTHERS.items() if data.startswith(begins)), None)
    if found:
        return f"is {found}" + ("" if "no sound" in found else " and no sound")
    return "is not a sound, or is damaged at its start"


def _checked(file: SoundFile, name: str) -> tuple[int, int]:
    """Rate and channels of a file whose header is within the limits."""
    rate, channels = int(file.samplerate), int(file.channels)
    if file.format not in FORMATS:
        raise SoundError(f"{name} is a sound of the kind {file.format}; read are {_ALLOWED}.", remedy=_SAVE_AGAIN)
    if not MIN_RATE <= rate <= MAX_RATE:
        raise SoundError(
            f"{name} has {rate:,} samples a second; allowed are {MIN_RATE:,} to {MAX_RATE:,}.", remedy=_SAVE_AGAIN
        )
    if channels > MAX_CHANNELS:
        raise SoundError(f"{name} has {channels} channels; at most {MAX_CHANNELS} are allowed.", remedy=_SAVE_AGAIN)
    if file.frames == 0:
        raise SoundError(f"{name} is 0 s long: it holds no samples.", remedy="Choose another file, or record it again.")
    if file.frames > MAX_SECONDS * rate and file.frames < 2**60:  # beyond that the length is not known
        raise _too_long(name, file.frames / rate)
    return rate, channels


def _decode(file: SoundFile, name: str) -> np.ndarray:
    """All samples [t], mixed block by block: a header may promise less than there is, and many channels would fill the memory."""
    parts: list[np.ndarray] = []
    most, promised, there = int(MAX_SECONDS * file.samplerate), file.frames, 0
    try:
        while len(block := file.read(BLOCK, dtype="float32", always_2d=True)):
            parts.append(block.mean(1))
            if (there := there + len(block)) > most:
                raise _too_long(name, there / file.samplerate)
    except (RuntimeError, ValueError, MemoryError) as error:  # LibsndfileError is a RuntimeError
        raise SoundError(f"{name} is damaged: {reason_of(error)}.", remedy=_SAVE_AGAIN) from error
    if there < promised < 2**60:
        raise SoundError(
            f"{name} is cut off: it promises {promised / file.samplerate:.1f} s and holds {there / file.samplerate:.1f} s.",
            remedy="Copy it again, or save what there is of it as WAV.",
        )
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def _notes(name: str, rate: int, channels: int) -> Iterable[str]:
    if rate < TELEPHONE:
        yield f"{name} has {rate:,} samples a second, as a telephone has: nothing above {rate // 2:,} Hz is in it."
    if rate > max(USUAL_RATES):
        yield f"{name} has {rate:,} samples a second; what is above {min(USUAL_RATES) // 2:,} Hz was taken out."
    if channels > 2:
        yield f"{name} has {channels} channels, which were mixed into one."


def _too_long(name: str, seconds: float) -> SoundError:
    return SoundError(
        f"{name} is {seconds:,.0f} s long; at most {MAX_SECONDS:.0f} s are read.",
        remedy="Cut out the part that shall be heard.",
    )
