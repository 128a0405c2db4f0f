"""Where aligners are looked for: shipped, then the home, then a path."""

import shutil

import pytest

from seda.card import ASSETS, CARD_FILE, aligner_home, encoders_in_use, find_aligner, list_aligners
from seda.errors import AlignerError


def test_shipped_then_home_then_path(aligner_dir, tmp_path, monkeypatch):
    home = tmp_path / "home"
    monkeypatch.setenv("SEDA_ALIGNERS", str(home))
    assert aligner_home() == home
    shipped = list_aligners()
    for name in ("mine", "fashion-mnist", "another", ".unfinished/half"):
        shutil.copytree(aligner_dir, home / name)
    shutil.copytree(aligner_dir, home / "no-card")
    (home / "no-card" / CARD_FILE).unlink()
    assert list_aligners() == [*shipped, "another", "mine"]
    assert find_aligner("mine") == home / "mine"
    assert find_aligner("fashion-mnist") == ASSETS / "fashion-mnist"
    assert find_aligner(aligner_dir) == aligner_dir
    with pytest.raises(AlignerError, match=r"no aligner 'half'; known are .*another, mine"):
        find_aligner("half")


def test_the_home_follows_the_environment(tmp_path, monkeypatch):
    monkeypatch.delenv("SEDA_ALIGNERS", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert aligner_home() == tmp_path / "seda" / "aligners"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert aligner_home() == tmp_path / ".local" / "share" / "seda" / "aligners"


def test_encoders_in_use_pass_over_damaged_cards(aligner_dir, tmp_path, monkeypatch):
    monkeypatch.setenv("SEDA_ALIGNERS", str(tmp_path))
    shutil.copytree(aligner_dir, tmp_path / "mine")
    (tmp_path / "mine" / CARD_FILE).write_text("{")
    assert encoders_in_use(map(find_aligner, list_aligners())) == {"bundled", "multilingual"}
