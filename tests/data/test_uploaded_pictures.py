"""Uploads by class as a data set in memory."""

import io

import numpy as np
import pytest

from seda.data.uploaded_pictures import UploadedClass, UploadedPictures
from seda.errors import ClassTextError, DataError
from seda.images import ImageFailure
from tests.tiny import CLASSES, picture


def png(label, seed):
    buffer = io.BytesIO()
    picture(label, seed).save(buffer, "PNG")
    return buffer.getvalue()


def uploaded(label, count=3, name=None):
    return UploadedClass(
        CLASSES[label] if name is None else name, tuple((f"{seed}.png", png(label, seed)) for seed in range(count))
    )


def test_all_pictures_are_training_data_in_their_order():
    data = UploadedPictures([uploaded(0), uploaded(1, 2)])
    assert data.class_names == CLASSES[:2] and (data.count("train"), data.count("test")) == (5, 0)
    assert data.labels("train").tolist() == [0, 0, 0, 1, 1] and data.labels("test").dtype == np.int64
    images = list(data.images("train", [4, 0]))
    assert [image.getpixel((48, 48)) for image in images] == [
        picture(label, seed).getpixel((48, 48)) for label, seed in ((1, 1), (0, 0))
    ]
    with pytest.raises(DataError, match="split 'validation' is not known"):
        data.count("validation")


def test_of_what_was_read_the_reduced_picture_is_looked_at():
    broken = ImageFailure("x.png", "x.png is no picture.")
    pictures = tuple((f"{seed}.jpg", b"was read %d" % seed) for seed in range(3))
    classes = [
        UploadedClass(CLASSES[0], pictures, tuple(png(0, seed) for seed in range(3)), (broken,)),
        uploaded(1),
    ]
    data = UploadedPictures(classes)
    assert data.failures == (broken,) and data.files[:3] == pictures
    for image, seed in zip(data.images("train", range(3)), range(3), strict=True):
        assert np.array_equal(image, picture(0, seed))


def test_the_fingerprint_is_over_contents_labels_and_names():
    first = UploadedPictures([uploaded(0), uploaded(1)]).fingerprint("train")
    assert first == UploadedPictures([uploaded(0), uploaded(1)]).fingerprint("train")
    others = [
        [uploaded(1), uploaded(0)],
        [uploaded(0), uploaded(1, name="a disc")],
        [uploaded(0), uploaded(1, 2)],
        [uploaded(0), UploadedClass(CLASSES[1], (*uploaded(1, 2).pictures, ("2.png", png(1, 9))))],
        [uploaded(0), UploadedClass(CLASSES[1], (*uploaded(1, 2).pictures, ("x.png", png(1, 2))))],
    ]
    found = {UploadedPictures(classes).fingerprint("train") for classes in others}
    assert len(found) == len(others) and first not in found


def test_broken_pictures_are_named_and_copies_count_once():
    mixed = UploadedClass(
        "a", (*uploaded(0, 2).pictures, ("bad.png", b"no"), ("empty.jpg", b""), ("again.png", png(0, 1)))
    )
    data = UploadedPictures([mixed, uploaded(1)])
    assert [failure.name for failure in data.failures] == ["bad.png", "empty.jpg"]
    assert data.copies == ("again.png",) and data.count("train") == 5


@pytest.mark.parametrize(
    ("classes", "error", "words"),
    [
        ([uploaded(0)], DataError, "1 class came; at least 2"),
        ([], DataError, "0 class"),
        ([uploaded(0), uploaded(1, name=" ")], ClassTextError, "Class 2 has no name"),
        ([uploaded(0), uploaded(1, name="Red  square")], ClassTextError, "Of 2 class names only 1 differ"),
        ([uploaded(0), uploaded(1, name="cup, red")], ClassTextError, "has a comma"),
        ([uploaded(0), uploaded(1, 1)], DataError, "'green disc' has 1 of the 2 different pictures"),
        ([uploaded(0), UploadedClass("b", (("x.png", b"no"), ("y.png", b"")))], DataError, "2 that could not be read"),
        ([uploaded(0), UploadedClass("b", (("x.png", png(0, 1)), ("y.png", png(1, 1))))], DataError, "in two classes"),
    ],
)
def test_what_cannot_be_trained_on_is_said(classes, error, words):
    with pytest.raises(error, match=words):
        UploadedPictures(classes)
