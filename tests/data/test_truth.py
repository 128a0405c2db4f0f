"""Labels from folders, names and tables; what cannot be used is said in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from seda.data.truth import FOLDERS, NAMES, labels_of_table, plain_label, raw_labels, truth_of
from seda.errors import DataError

PATHS = [
    Path("set/Big_cat/a.jpg"),
    Path("set/dog/b.jpg"),
    Path("set/dog/rocket_01.jpg"),
    Path("set/dog/rocket (2).jpg"),
]


def test_folders_and_names():
    assert raw_labels(PATHS, FOLDERS) == ["Big_cat", "dog", "dog", "dog"]
    assert raw_labels(PATHS, NAMES) == ["a", "b", "rocket", "rocket"]
    assert plain_label(" Big__Cat-\n") == "big cat"


def test_a_table_names_files_by_path_or_name(tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text("\ufefflabel, File\nlion,set/Big_cat/a.jpg\npuppy,b.jpg\n,rocket_01.jpg\n", encoding="utf-8")
    assert raw_labels(PATHS, str(table)) == ["lion", "puppy", "", ""]
    twice = [Path("x/b.jpg"), Path("y/b.jpg"), Path("a.jpg")]
    table.write_text("file,label\nb.jpg,puppy\n./x/b.jpg,dog\na.jpg,cat\n", encoding="utf-8")
    assert raw_labels(twice, str(table)) == ["dog", "", "cat"]  # the bare name could be either


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"name,label\na.jpg,cat\n", "has the columns name, label; file and label are needed"),
        (b"", "has the columns none"),
        (b"\xff\xfe\x00f", "not UTF-8"),
        (b"file,label\nother.jpg,cat\n", "names none of the 4 pictures"),
    ],
)
def test_tables_that_cannot_be_used(tmp_path, content, words):
    table = tmp_path / "labels.csv"
    table.write_bytes(content)
    with pytest.raises(DataError, match=words):
        raw_labels(PATHS, str(table))
    with pytest.raises(DataError, match=words):
        labels_of_table(PATHS, content, "mine.csv")
    with pytest.raises(DataError):
        raw_labels(PATHS, str(tmp_path / "missing.csv"))


def test_an_uploaded_table_says_what_one_on_the_disk_says(tmp_path):
    content = b'\xef\xbb\xbfFILE , Label,note\r\nset/dog/b.jpg, puppy ,x\r\n/set/Big_cat/a.jpg,"a, b",\r\nrocket_01.jpg\r\ngone.jpg,dog,\r\n'
    (tmp_path / "labels.csv").write_bytes(content)
    notes: list[list[str]] = [[], []]
    here = raw_labels(PATHS, str(tmp_path / "labels.csv"), on_note=notes[0].append)
    assert labels_of_table(PATHS, content, "mine.csv", on_note=notes[1].append) == here == ["a, b", "puppy", "", ""]
    assert notes[1] == ['1 of 4 rows of mine.csv name no picture that came ("gone.jpg").'] and len(notes[0]) == 1
    with pytest.raises(DataError, match="no table that can be read"):
        labels_of_table(PATHS, b'file,label\n"a' + b"x" * 200_000 + b'",cat\n', "mine.csv")


@pytest.mark.parametrize("blank", ["", "  ", "./", "/"])
def test_a_row_without_a_file_labels_nobody(blank):
    content = f"file,label\n{blank},cat\nb.jpg,puppy\n".encode()
    assert labels_of_table(PATHS, content, "mine.csv", on_note=pytest.fail) == ["", "puppy", "", ""]


def test_rows_for_missing_files_are_said(tmp_path):
    table, notes = tmp_path / "labels.csv", []
    table.write_text("file,label\na.jpg,cat\ngone.jpg,dog\n", encoding="utf-8")
    assert raw_labels(PATHS, str(table), on_note=notes.append) == ["cat", "", "", ""]
    assert notes == [f'1 of 2 rows of {table} name no picture that came ("gone.jpg").']


def test_labels_are_words_without_case_and_signs():
    truth = truth_of(["Big_cat", "big-CAT", "dog", "", "zebra"], ("dog", "big cat", "hat"))
    assert truth.labels == (1, 1, 0, -1, -1)
    assert "1 of 5 pictures have no label" in truth.notes[0]
    assert '1 of 5 pictures have a label that is not among the words ("zebra")' in truth.notes[1]
    assert truth_of(["b_b", "a", "B b"]).class_names == ("a", "b b")


@pytest.mark.parametrize("labels", [[], ["", ""], ["zebra", "lion"]])
def test_no_label_among_the_words(labels):
    with pytest.raises(DataError, match="0 of 2 words are the label of pictures; of words at least 2 are needed"):
        truth_of(labels, ("cat", "dog"))


def test_one_label_is_said_and_is_no_list_of_words():
    truth = truth_of(["cat", "Cat"], ("cat", "dog"))
    assert truth.labels == (0, 0) and "All labelled pictures are “cat”" in truth.notes[0].replace('"cat"', "“cat”")
    with pytest.raises(DataError, match=r'1 of 1 words are.* The labels are "Cat", "cat"\.'):
        truth_of(["cat", "Cat"])


def test_equal_labels_are_one_and_said():
    truth = truth_of(["Big_cat", "big-CAT", "dog"])
    assert truth.labels == (0, 0, 1) and truth.class_names == ("Big cat", "dog")
    assert truth.notes == ('The labels "Big_cat", "big-CAT" are read as one.',)
    given = truth_of(["big cat", "dog"], ("dog", "big_cat", "Big-cat"))
    assert given.labels == (1, 0)
    assert 'The words "big_cat", "Big-cat" are the same to a label' in given.notes[0]


def test_labels_that_make_no_words():
    truth = truth_of(["cat", "dog", "x" * 300])
    assert truth.labels == (0, 1, -1) and "1 labels have more than 200 characters" in truth.notes[0]


def test_many_labels():
    labels = [f"word {number}" for number in range(1000)]
    truth = truth_of(labels + labels)
    assert len(truth.class_names) == 1000 and truth.labels[:1000] == truth.labels[1000:] and not truth.notes
    many = truth_of([*labels, *labels, "one more"])
    assert many.class_names == truth.class_names and many.labels[-1] == -1
    assert many.notes == (
        "1,001 different labels came; the 1,000 most frequent are taken, and pictures with the others are left out.",
    )


def test_files_that_stand_in_several_rows_are_said(tmp_path):
    paths, notes = [Path("a.png"), Path("b.png"), Path("c.png")], list[str]()
    rows = b"file,label\na.png,cat\na.png,dog\nb.png,cat\n./b.png,Cat\nc.png,owl\n"
    assert labels_of_table(paths, rows, "mine.csv", on_note=notes.append) == ["dog", "Cat", "owl"]
    assert notes == [
        '2 files stand in several rows of mine.csv; 1 of them with different labels ("a.png"): the last row counts.'
    ]
    table = tmp_path / "own.csv"
    table.write_bytes(b"file,label\nb.png,cat\nb.png,CAT\n")
    notes.clear()
    assert raw_labels(paths, str(table), on_note=notes.append) == ["", "CAT", ""]
    assert notes == [f'1 file stands in several rows of {table} ("b.png"): the last row counts.']
