"""Labels of people, matched with class texts by their words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seda.errors import DataError
from seda.journeys.labels import item_labels, match_labels, moved_labels

FILES = tuple(Path("pictures", name, f"{name} {number}.png") for name in ("red_fox", "owl") for number in (1, 2))


def test_words_are_compared_without_case_and_underscores():
    found = match_labels(["Red_Fox", "", "owl", "a  cup", "OWL", "moth"], ("owl", "red fox", "a cup", "Owl"))
    assert found.dtype == np.int16 and found.tolist() == [1, -1, 0, 2, 0, -1]


def test_labels_move_with_their_words():
    labels = np.array([0, 1, -1, 2], np.int16)
    assert moved_labels(labels, ("owl", "red fox", "cup"), ("Red_Fox", "moth", "owl")).tolist() == [2, 0, -1, -1]
    assert moved_labels(None, ("owl",), ("owl",)) is None


def test_pictures_by_folder_name_and_table(tmp_path):
    for source in ("folders", "names"):
        labels, notes = item_labels(FILES, source, ("owl", "red fox"))
        assert [labels[file] for file in FILES] == [1, 1, 0, 0] and notes == ()
    table = tmp_path / "labels.csv"
    table.write_text("file,label\nred_fox 1.png,owl\nowl 1.png,moth\nowl 2.png,\n", encoding="utf-8")
    labels, notes = item_labels(FILES, str(table), ("owl", "red fox"))
    assert [labels[file] for file in FILES] == [0, -1, -1, -1]
    assert notes[0] == "2 of 4 pictures have no label."
    assert notes[1].startswith('1 of 4 pictures are labelled with what is none of the class texts ("moth"): no answer')


def test_labels_that_are_no_words_are_refused_with_one_of_them():
    with pytest.raises(DataError, match=r'No label of 4 pictures is one of the class texts \(such as "red_fox"\)'):
        item_labels(FILES, "folders", ("cat", "dog"))
