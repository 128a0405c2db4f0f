"""python -m seda search, with a small real aligner."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from seda.cli import ANSWERED, UNANSWERED, WRONG_CALL, main
from tests.tiny import CLASSES, image_folder


@pytest.fixture
def search(aligner_dir, capsys):
    def run(*call: object, status: int = ANSWERED) -> dict:
        assert main(["search", *map(str, call), "--aligner", str(aligner_dir), "--json"]) == status
        return json.loads(capsys.readouterr().out)

    return run


def test_words_find_images_in_a_folder_with_a_sub_folder_a_class(search, tmp_path):
    folder = image_folder(tmp_path / "photos", per_class=3)
    found = search("--query", "green disc", folder, "--top", 3)
    assert found["query"] == "green disc" and found["direction"] == "text_to_image"
    assert [Path(entry["path"]).parent.name for entry in found["after"]] == ["green disc"] * 3
    assert [entry["label"] for entry in found["after"]] == ["green disc"] * 3
    scores = [entry["score"] for entry in found["after"]]
    assert scores == sorted(scores, reverse=True) and 0 <= scores[-1] <= scores[0] <= 1
    assert len(found["before"]) == 3 and found["errors"] == [] and found["words"] == 3
    for name in ("text_to_image_R@1", "text_to_image_R@5", "image_to_text_R@1", "image_to_text_R@5"):
        assert set(found["recall"][name]) == {"before", "after", "chance", "queries"}
    assert found["recall"]["image_to_text_R@1"]["after"] == 1
    assert found["recall"]["image_to_text_R@1"]["queries"] == 9
    assert found["recall"]["image_to_text_R@1"]["chance"] == pytest.approx(1 / 3)


def test_an_image_finds_words(search, pictures):
    path = sorted(pictures.glob("red square*.png"))[0]
    found = search("--query", path)
    assert found["direction"] == "image_to_text" and found["recall"] is None
    assert found["after"][0]["word"] == "red square" and {entry["word"] for entry in found["after"]} == set(CLASSES)
    assert sum(entry["score"] for entry in found["after"]) == pytest.approx(1, abs=1e-4)
    found = search("--query", path, "--classes", "a red box, a green dot", "--top", 1)
    assert found["words"] == 2 and found["after"][0]["word"] == "a red box"


def test_an_image_with_a_folder_measures_recall_on_the_folder(search, tmp_path):
    folder = image_folder(tmp_path / "photos", per_class=2)
    found = search("--query", folder / "blue stripes" / "0.png", folder)
    assert found["recall"]["image_to_text_R@1"]["queries"] == 6
    assert found["after"][0]["word"] == "blue stripes"


def test_a_bad_file_and_a_missing_path_do_not_stop_the_others(search, pictures, tmp_path):
    shutil.copytree(pictures, tmp_path / "mixed")
    (tmp_path / "mixed" / "a.png").write_text("no picture")
    found = search("--query", "red square", tmp_path / "mixed", tmp_path / "nowhere")
    assert [Path(entry["path"]).name for entry in found["errors"]] == ["nowhere", "a.png"]
    assert "does not exist" in found["errors"][0]["error"] and "not a picture" in found["errors"][1]["error"]
    assert len(found["after"]) == 5 and found["recall"] is None


def test_status_1_when_no_image_could_be_searched(search, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_text("text")
    found = search("--query", "red square", bad, status=UNANSWERED)
    assert found["after"] == [] and len(found["errors"]) == 1
    found = search("--query", bad, status=UNANSWERED)
    assert found["after"] == [] and found["errors"][0]["path"] == str(bad)


@pytest.mark.parametrize(
    ("query", "words"), [("", "Nothing was typed"), ("nowhere.jpg", "does not exist"), ("x" * 300, "300 characters")]
)
def test_queries_that_cannot_be_used(query, words, pictures, aligner_dir, capsys):
    assert main(["search", "--query", query, str(pictures), "--aligner", str(aligner_dir)]) == WRONG_CALL
    error = capsys.readouterr().err
    assert words in error and error.startswith("error: ")


def test_an_unknown_aligner_and_a_wrong_list(pictures, capsys):
    assert main(["search", "--query", "boot", str(pictures), "--aligner", "nowhere"]) == WRONG_CALL
    assert "no aligner 'nowhere'" in capsys.readouterr().err
    assert main(["search", "--query", "boot", str(pictures), "--classes", ","]) == WRONG_CALL
    assert "none came" in capsys.readouterr().err


def test_the_table_names_both_ways_and_the_samples_are_searched_by_default(aligner_dir, capsys):
    assert main(["search", "--query", "a boot", "--aligner", str(aligner_dir), "--top", "2"]) == ANSWERED
    lines = capsys.readouterr().out.splitlines()
    assert "before (cosine)" in lines[0] and "after (probability among" in lines[0]
    assert lines[1].startswith("1") and lines[2].startswith("2")
    assert any(line.startswith("text to image R@1") for line in lines)


def test_a_query_that_is_a_category_too_is_one_word(search, pictures):
    assert search("--query", "Red Square", pictures)["words"] == 3
    assert search("--query", "a bird", pictures)["words"] == 4
