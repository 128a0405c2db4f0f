"""Corruptions: the same picture each time, further away with each strength, and features of their own in the cache."""

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from seda.data.corruptions import BLUR, PARAMETERS, STRENGTHS, Corrupted, corrupt, shifts_of
from seda.data.digits import Digits
from seda.data.emoji import Emoji
from seda.errors import ConfigError
from tests.emoji_packages import write_packages

RNG = np.random.default_rng(0)
SMOOTH = gaussian_filter(RNG.random((40, 40, 3)), (3, 3, 0), mode="wrap")
COLOURED = Image.fromarray((255 * (SMOOTH - SMOOTH.min()) / np.ptp(SMOOTH)).astype(np.uint8))
GREY = COLOURED.convert("L")


def distance(kind, strength, picture):
    after = corrupt(picture, kind, strength, np.random.default_rng(0))
    assert after.size == picture.size and after.mode == picture.mode
    return np.abs(np.asarray(after, float) - np.asarray(picture, float)).mean()


@pytest.mark.parametrize("kind", PARAMETERS)
@pytest.mark.parametrize("picture", [COLOURED, GREY])
def test_each_strength_changes_more(kind, picture):
    changes = [distance(kind, strength, picture) for strength in STRENGTHS]
    assert changes[0] > 0.5 and changes == sorted(changes)


def test_what_each_kind_does():
    flat = Image.new("RGB", (200, 200), (100, 120, 140))
    noise = np.asarray(corrupt(flat, "noise", 1, RNG), float) - (100, 120, 140)
    assert noise.std() == pytest.approx(0.08 * 255, rel=0.02) and abs(noise.mean()) < 0.2
    for kind in ("blur", "rotation"):  # nothing to see on one colour, corners included
        np.testing.assert_array_equal(np.asarray(corrupt(flat, kind, 5, RNG)), np.asarray(flat))
    point = np.zeros((101, 101), np.uint8)
    point[50, 50] = 255
    blurred = np.asarray(corrupt(Image.fromarray(point), "blur", 1, RNG), float)
    width = BLUR[0][0] * 101
    assert blurred.max() == pytest.approx(255 / (2 * np.pi * width**2), rel=0.1)
    point[20, 50], point[50, 50] = 255, 0  # 30 px above the middle
    turned = np.asarray(corrupt(Image.fromarray(point), "rotation", 3, np.random.default_rng(0)), float)
    y, x = np.unravel_index(turned.argmax(), turned.shape)
    assert (y, abs(x - 50)) == (pytest.approx(50 - 30 * np.cos(np.pi / 6), abs=1), pytest.approx(15, abs=1))


def test_small_pictures_are_blurred_too():
    for strength in STRENGTHS:
        clean, blurred = (
            np.asarray(next(data.images("test", [0])), float)
            for data in (Digits(), Corrupted(Digits(), "blur", strength))
        )
        assert np.abs(clean - blurred).mean() > 1


def test_a_picture_is_the_same_whatever_is_read_with_it():
    data = Corrupted(Digits(), "noise", 3)
    alone = next(data.images("test", [7]))
    together = list(data.images("test", np.array([3, 7])))[1]
    np.testing.assert_array_equal(np.asarray(alone), np.asarray(together))
    other = next(Corrupted(Digits(), "noise", 3, seed=1).images("test", [7]))
    assert (np.asarray(other) != np.asarray(alone)).any()


def test_the_wrapper_is_the_data_set_but_for_its_pictures():
    base = Digits()
    data = Corrupted(base, "blur", 2)
    assert data.name == "digits/blur-2" and data.class_names == base.class_names and data.count("test") == 539
    np.testing.assert_array_equal(data.labels("test"), base.labels("test"))
    assert data.image_texts("test", [0]) is None
    looks = [base, *shifts_of(base).values(), Corrupted(base, "noise", 1, seed=1)]
    assert len({look.fingerprint("test") for look in looks}) == 17
    # another value means that features in caches and results are of other pictures
    assert data.fingerprint("test") == "dace5a0baf668cf5"
    for kind, strength in (("fog", 1), ("noise", 0), ("noise", 6)):
        with pytest.raises(ConfigError, match=r"allowed are noise, blur, rotation of strength 1 to 5"):
            Corrupted(base, kind, strength)


def test_shifts_by_name(tmp_path):
    names = list(shifts_of(Digits()))
    assert len(names) == 15 and names[0] == "noise-1" and names[-1] == "rotation-5"
    google = Emoji("google", write_packages(tmp_path))
    assert [(name, look.name) for name, look in shifts_of(google).items()] == [("twitter", "emoji:twitter")]
    assert Corrupted(google, "noise", 1).image_texts("test", [0]) == google.image_texts("test", [0])
