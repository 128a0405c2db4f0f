"""Files of several modalities."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seda.data.modal_set import read_modal_file
from seda.errors import DataError, FileFormatError
from seda.storage import read_arrays, write_arrays
from tests.modal import heard_by_name, modal_set


@pytest.fixture
def saved(tmp_path):
    return modal_set().save(tmp_path / "set.safetensors")


def test_what_is_saved_is_read(saved):
    made, read = modal_set(), read_modal_file(saved)
    assert read.item_names == made.item_names and read.class_names == made.class_names
    assert np.array_equal(read.labels, made.labels) and np.array_equal(read.kin, made.kin)
    for name, one in made.modalities.items():
        again = read.modalities[name]
        assert np.array_equal(again.features, one.features) and np.array_equal(again.items, one.items)
        assert (again.kinds, again.names, again.encoder) == (one.kinds, one.names, one.encoder)
    assert np.array_equal(read.known_texts, made.known_texts)
    assert read.data_fingerprint == made.data_fingerprint


def test_texts_of_an_encoders_own_classes_are_kept(tmp_path):
    made = heard_by_name(modal_set())
    read = read_modal_file(made.save(tmp_path / "set.safetensors"))
    assert np.array_equal(read.modalities["sound"].class_texts, made.modalities["sound"].class_texts)
    assert read.modalities["picture"].class_texts is None and read.data_fingerprint == made.data_fingerprint
    other = dict(made.modalities["sound"].__dict__, class_texts=made.modalities["sound"].class_texts[::-1])
    changed = replace(made, modalities={**made.modalities, "sound": type(made.modalities["sound"])(**other)})
    assert changed.data_fingerprint != made.data_fingerprint


def test_npz_of_plain_arrays_is_read(tmp_path):
    made = modal_set()
    arrays = {"labels": made.labels, "class_names": np.array(made.class_names)}
    arrays["class_text_features"], arrays["modalities"] = made.class_text_features[:, 0], np.array(["sound", "text"])
    for name in ("sound", "text"):
        arrays[f"{name}.features"], arrays[f"{name}.items"] = (
            made.modalities[name].features,
            made.modalities[name].items,
        )
    np.savez(tmp_path / "own.npz", **arrays)
    read = read_modal_file(tmp_path / "own.npz")
    assert list(read.modalities) == ["sound", "text"] and read.item_names[0] == "item 0"
    assert np.array_equal(read.kin, np.arange(len(made))) and not len(read.known_labels)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("sound.items", np.full(22, 99, np.int16), r"sound\.items holds 99 in row 0; allowed is 0 to 23"),
        ("sound.features", np.full((22, 10), np.nan, np.float32), r"sound\.features is not finite at \[0, 0\]"),
        ("text.features", np.ones((96, 15), np.float32), r"text\.features are 15 wide and class_text_features 16"),
        ("labels", np.zeros(3, np.int16), r"kin is int16 \[24\]; whole numbers \[3\] are needed"),
        ("labels", np.full(24, 7, np.int16), r"labels holds 7 in row 0; allowed is 0 to 2"),
        ("picture.items", None, r"it has no picture\.items"),
        (
            "sound.class_text_features",
            np.ones((9, 16), np.float32),
            r"\[9, 16\]; \[10, 16\] is needed, a text for each",
        ),
        (
            "sound.class_text_features",
            np.ones((10, 16), np.float32),
            r"sound\.features are -\S+ to \S+; scores of classes",
        ),
        ("known_text_labels", np.full(3, 3, np.int16), r"known_text_labels holds 3"),
    ],
)
def test_what_does_not_fit_is_said_with_its_place(saved, name, value, said):
    arrays, metadata = read_arrays(saved)
    if value is None:
        del arrays[name]
    else:
        arrays[name] = value
    write_arrays(saved, arrays, metadata)
    with pytest.raises(DataError, match=said):
        read_modal_file(saved)


def test_without_texts_there_is_no_space(tmp_path):
    made = modal_set()
    bare = replace(made, modalities={"sound": made.modalities["sound"], "picture": made.modalities["picture"]})
    with pytest.raises(DataError, match="text among them"):
        read_modal_file(bare.save(tmp_path / "set.safetensors"))


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(FileFormatError, match="does not exist"):
        read_modal_file(tmp_path / "gone.safetensors")
