"""The command consistency."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from seda.cli import main
from tests.modal import few_choices, modal_set


@pytest.fixture(scope="module", autouse=True)
def quick_fits() -> Iterator[None]:
    with few_choices():
        yield


@pytest.mark.slow
def test_it_measures_a_file_of_several_modalities(tmp_path, capsys):
    path = modal_set().save(tmp_path / "set.safetensors")
    assert main(["consistency", "--dataset", f"features:{path}", "--folds", "3", "--json", "--things"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["things"] == 24 and found["folds"] == 3
    assert set(found["class_accuracy"]) == {"picture", "sound", "text"}
    assert len(found["by_disagreement"]) == 24
    assert found["agreement_of_languages_known_in_english"]["things"] == 24


@pytest.mark.slow
def test_it_prints_tables(tmp_path, capsys):
    path = modal_set().save(tmp_path / "set.safetensors")
    assert main(["consistency", "--dataset", f"features:{path}", "--folds", "2", "--things"]) == 0
    said = capsys.readouterr().out
    assert "All modalities decide alike" in said and "sound to picture" in said and "margin" in said


def test_a_wrong_call_is_a_sentence(capsys):
    assert main(["consistency", "--folds", "1"]) != 0
    assert "allowed are 0 and 2 or more" in capsys.readouterr().err
    assert main(["consistency", "--dataset", "digits"]) != 0
    assert "features:FILE" in capsys.readouterr().err
