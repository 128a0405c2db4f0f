"""Words alone on a toy pair of encoders: every word has a direction, pictures lie across a gap."""

import json

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

from seda.aligner import load_aligner
from seda.card import WORDS_ALONE, read_card
from seda.config import SamplingConfig
from seda.encoders import load_encoder
from seda.errors import ClassTextError, DataError, EncoderError, Stopped
from seda.projection import aligner_map
from seda.training import recipe, words_alone
from seda.training.words_alone import Material, closed_forms, pretrain_from_words, pseudo_pictures, settle_weights
from tests.local_clip import LAYOUT, random_weights, write_model

WIDTH, SCALE = 24, 60.0
WORDS = tuple(f"thing {index}" for index in range(60))
GAP = np.eye(WIDTH)[0] * 1.2
normalize = torch.nn.functional.normalize


def meaning(text):
    rng = np.random.default_rng(list(text.encode()))
    return np.concatenate([np.zeros(4), rng.normal(size=WIDTH - 4) / 4])


class ToyPair:
    """Texts mean their last two words; a picture's colour says which of WORDS it shows. The gap is orthogonal to both."""

    name, fingerprint, description = "open_clip:toy", "f" * 16, "A toy."
    image_dim = text_dim = WIDTH
    logit_scale, logit_bias = SCALE, None

    def __init__(self):
        self.texts = 0

    def encode_texts(self, texts):
        self.texts += len(texts)
        rows = [np.eye(WIDTH)[1] + meaning(" ".join(text.split()[-2:])) + 0.02 * meaning(text) for text in texts]
        return torch.tensor(np.array(rows), dtype=torch.float32) * 3

    def encode_images(self, images):
        rows = []
        for image in images:
            word, grain, _ = image.getpixel((0, 0))
            rows.append(np.eye(WIDTH)[1] + GAP + meaning(WORDS[word]) + 0.3 * meaning(f"grain {grain}"))
        return torch.tensor(np.array(rows), dtype=torch.float32) * 5


def shown(word, grain):
    return Image.new("RGB", (4, 4), (word, grain, 0))


PICTURES = [shown(index % 60, index) for index in range(120)]


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path):
    monkeypatch.setenv("SEDA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(open_clip, "IMAGENET_CLASSNAMES", list(WORDS[:50]))
    monkeypatch.setattr(recipe, "fit_aligner_maps", lambda *_, **__: {})


def material(scale=SCALE):
    encoder = ToyPair()
    texts = [template.replace("{}", word) for word in WORDS for template in words_alone.TEMPLATES]
    prompts = encoder.encode_texts(texts).view(len(WORDS), -1, WIDTH)
    return Material(normalize(prompts, dim=2), encoder.encode_images(PICTURES), scale)


def made(tmp_path, **options):
    options = {"words": WORDS[50:], "pictures": PICTURES, **options}
    return pretrain_from_words(options.pop("encoder", None) or ToyPair(), tmp_path / "made", **options)


def test_an_encoder_of_two_spaces_is_refused(tmp_path):
    with pytest.raises(EncoderError, match=r"'bundled' came, .*1280.*384.* two spaces.* open_clip:ViT-B-32/"):
        pretrain_from_words(load_encoder("bundled"), tmp_path)
    narrow = ToyPair()
    narrow.text_dim = 8
    with pytest.raises(EncoderError, match="two spaces"):
        pretrain_from_words(narrow, tmp_path)


def test_unusable_words_and_pictures_are_refused(tmp_path):
    with pytest.raises(ClassTextError, match="at most 200"):
        made(tmp_path, words=["x" * 201])
    with pytest.raises(DataError, match=r"7 pictures came .* at least 8"):
        made(tmp_path, pictures=PICTURES[:7])
    with pytest.raises(DataError, match="all the same features"):
        made(tmp_path, pictures=PICTURES[:1] * 8)


def test_the_noise_has_the_variance_of_the_logit_scale():
    prompts = material(scale=25.0)
    words = torch.zeros(4_000, dtype=torch.int64)
    noise = pseudo_pictures(prompts, words, words, torch.Generator().manual_seed(0)) - prompts.collapsed[0, 0]
    assert float(noise.var()) == pytest.approx(1 / 25, rel=0.02)
    assert prompts.collapsed.mean(0).abs().max() < 1e-6  # of each phrasing


def test_the_mean_of_pictures_is_measured_and_nothing_else(tmp_path):
    card = made(tmp_path).card
    assert card.data["measured_pictures"] == 120 and card.data[WORDS_ALONE] == list(WORDS[50:])
    assert card.data["noise_variance"] == pytest.approx(1 / SCALE)
    assert "words alone" in card.description and "120 unlabelled pictures measured the modality gap" in card.description
    mean = normalize(ToyPair().encode_images(PICTURES), dim=1).mean(0)
    found = load_aligner(tmp_path / "made").aligner
    torch.testing.assert_close(found.condition_scaler.mean, mean, atol=1e-3, rtol=0)
    shuffled = made(tmp_path, pictures=PICTURES[::-1]).aligner.state_dict()  # no label, no order
    for name, value in found.state_dict().items():
        torch.testing.assert_close(shuffled[name], value, atol=2e-2, rtol=2e-2)


def test_the_encoders_own_reading_is_kept(tmp_path):
    aligner = made(tmp_path).aligner
    encoder = ToyPair()
    pictures, texts = encoder.encode_images(PICTURES[:20]), encoder.encode_texts([f"a photo of a {w}" for w in WORDS])
    expected = SCALE * normalize(pictures, dim=1) @ normalize(texts, dim=1).T
    posterior = aligner.translator.word_posterior
    posterior.weights.copy_(torch.tensor([0.0, 0.0, SCALE, 0.0]))
    answer = aligner.classify(pictures, texts, SamplingConfig())
    torch.testing.assert_close(answer, expected.softmax(1), atol=5e-3, rtol=0)


def test_pictures_are_told_by_words(tmp_path):
    aligner, encoder = made(tmp_path), ToyPair()
    pictures = encoder.encode_images([shown(index, 200) for index in range(60)])
    texts = encoder.encode_texts([aligner.card.template.replace("{}", word) for word in WORDS])
    run = aligner.aligner.align(pictures, texts, SamplingConfig(), answer_only=True)
    assert (run.class_probabilities.argmax(1) == torch.arange(60)).float().mean() > 0.95
    # without their words the lists fit worse
    halves = [torch.arange(60) < 30, torch.arange(60) >= 30]
    fits = [aligner.aligner.align(pictures, texts[half], SamplingConfig(), answer_only=True).fit for half in halves]
    assert (fits[0][:30] > fits[1][:30]).float().mean() > 0.9
    assert (fits[1][30:] > fits[0][30:]).float().mean() > 0.9


def test_it_is_the_same_again_and_saved(tmp_path):
    first, again = (made(tmp_path / name) for name in ("a", "b"))
    other = made(tmp_path / "c", seed=1)
    for name, value in first.aligner.state_dict().items():
        assert torch.equal(value, again.aligner.state_dict()[name]), name
    assert torch.equal(first.reference.features, again.reference.features)
    assert not torch.equal(first.reference.features, other.reference.features)
    assert first.card.metrics == read_card(tmp_path / "a" / "made").metrics
    assert set(json.loads((tmp_path / "a" / "made" / "card.json").read_text())["files"]) == {"aligner.safetensors"}


def test_weights_are_chosen_on_words_that_the_closed_forms_have_not_seen(monkeypatch):
    seen = []
    real = words_alone.closed_forms
    monkeypatch.setattr(words_alone, "closed_forms", lambda part, **options: seen.append(part) or real(part, **options))
    prompts = material()
    aligner = closed_forms(prompts)
    figures = settle_weights(aligner, prompts)
    assert [len(part.prompts) for part in seen] == [48] * 5  # four of five parts of 60 words
    left_out = [~torch.isin(prompts.prompts[:, 0, 4], part.prompts[:, 0, 4]) for part in seen]
    assert torch.stack(left_out).sum(0).eq(1).all()
    weights = aligner.translator.word_posterior.weights
    assert (weights >= 0).all() and 0.5 * SCALE < weights[2] < 1.5 * SCALE  # the encoder's own scale is found again
    assert figures["held_out_words_nll"] < np.log(12) and figures["validation_wrongly_refused"] <= 0.15


def test_a_stop_keeps_the_words_that_are_done(tmp_path, monkeypatch):
    monkeypatch.setattr(words_alone, "CHUNK", 64)
    stopped, again = ToyPair(), ToyPair()
    with pytest.raises(Stopped):
        made(tmp_path, encoder=stopped, on_progress=lambda stage, done, *_: stage == "encoding words" and done >= 130)
    assert stopped.texts < 240
    made(tmp_path, encoder=again)
    assert again.texts == 240 - 128 and not (tmp_path / "cache" / "features").exists()
    with pytest.raises(Stopped):
        made(tmp_path, on_progress=lambda stage, *_: stage == "fitting")


def test_own_words_come_once_and_first_on_the_screen(tmp_path):
    card = made(tmp_path, words=["Thing 3", "sofa", "sofa"]).card
    assert card.class_names == (*WORDS[:50], "sofa") and card.first_classes == ("Thing 3", "sofa")
    assert made(tmp_path, words=["sofa"]).card.first_classes[:2] == ("sofa", "cat")
    assert len(made(tmp_path, words=()).card.class_names) == 50


def test_maps_are_fitted_to_prompts_and_scored_on_pictures(tmp_path, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("SEDA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(open_clip, "IMAGENET_CLASSNAMES", list(WORDS[:50]))
    monkeypatch.setattr(aligner_map, "FITTED_ALWAYS", ("pca-2d",))
    monkeypatch.setattr(aligner_map, "identical", lambda _: True)  # no neighbour graph is needed
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "reference-pictures.safetensors").write_bytes(b"another aligner's")
    aligner = made(tmp_path)
    assert set(aligner.card.metrics["maps"]) == {"pca-2d"}
    lengths = aligner.reference.fit_images.norm(dim=1)
    assert 0.9 < float(lengths.mean()) < 1.1  # as long as pictures' features are when they have length 1
    measured = ToyPair().encode_images(PICTURES)
    assert torch.cdist(aligner.reference.held_out_images, measured).min(1).values.max() < 0.02
    assert not (tmp_path / "made" / "reference-pictures.safetensors").exists()


@pytest.mark.parametrize("loss", ["softmax", "sigmoid"])
def test_the_encoder_says_its_scale(tmp_path, loss):
    layout = LAYOUT if loss == "softmax" else {**LAYOUT, "init_logit_scale": np.log(10), "init_logit_bias": -10.0}
    encoder = load_encoder(f"open_clip:local-dir:{write_model(tmp_path, layout, random_weights(layout))}")
    assert encoder.logit_scale == pytest.approx(1 / 0.07 if loss == "softmax" else 10)
    assert encoder.logit_bias == (None if loss == "softmax" else pytest.approx(-10))


def test_a_bias_of_the_logits_changes_nothing(tmp_path):
    sigmoid = ToyPair()
    sigmoid.logit_bias = -12.0
    first, second = made(tmp_path / "a").aligner, made(tmp_path / "b", encoder=sigmoid).aligner
    assert all(torch.equal(value, second.state_dict()[name]) for name, value in first.state_dict().items())
