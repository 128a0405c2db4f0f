"""Trainings in the home: begun once, one session at a time, kept or deleted, and never outside of their folder."""

from dataclasses import replace

import pytest

from seda.card import CARD_FILE, list_aligners
from seda.config import TrainingConfig
from seda.errors import AlignerError
from seda.training import unfinished
from seda.training.history import CHECKPOINT_FILE
from seda.training.unfinished import FEATURES, UPLOADS, TrainingRecord

RECORD = TrainingRecord(
    "cups", "bundled", UPLOADS, class_names=("my cup", "yours"), fingerprint="0" * 16, config=TrainingConfig(seed=3)
)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SEDA_ALIGNERS", str(tmp_path / "home"))
    return tmp_path / "home"


def done(record):
    """As training leaves it."""
    folder = unfinished.folder_of(record.name)
    (folder / CARD_FILE).write_text("{}")
    (folder / FEATURES).mkdir()
    unfinished.write_record(replace(record, done=True))


def test_a_record_is_read_as_it_was_written(home):
    folder = unfinished.begin(RECORD)
    assert folder.is_relative_to(home) and unfinished.read_record(folder) == RECORD
    assert [one.record for one in unfinished.list_unfinished()] == [RECORD]
    assert "cups" not in list_aligners()


def test_the_same_training_goes_on_and_another_needs_another_name():
    unfinished.begin(RECORD)
    unfinished.begin(replace(RECORD, finish=True))
    with pytest.raises(AlignerError, match="unfinished training 'cups' already, with other pictures"):
        unfinished.begin(replace(RECORD, fingerprint="1" * 16))


def test_keeping_makes_an_aligner_of_it_and_its_name_is_taken(home):
    unfinished.begin(RECORD)
    with pytest.raises(AlignerError, match="is not finished"):
        unfinished.keep("cups")
    done(RECORD)
    assert unfinished.keep("cups") == home / "cups"
    assert sorted(path.name for path in (home / "cups").iterdir()) == [CARD_FILE]  # no features, no record
    assert "cups" in list_aligners() and unfinished.list_unfinished() == []
    with pytest.raises(AlignerError, match="There is an aligner 'Cups' already"):
        unfinished.begin(replace(RECORD, name="Cups"))
    with pytest.raises(AlignerError, match="There is an aligner 'fashion-mnist' already"):
        unfinished.begin(replace(RECORD, name="fashion-mnist"))
    unfinished.delete_aligner("cups")
    assert "cups" not in list_aligners()


def test_one_session_at_a_time():
    unfinished.begin(RECORD)
    with unfinished.working_on("cups"):
        assert unfinished.is_running("cups")
        with pytest.raises(AlignerError, match="is being trained right now"):
            unfinished.discard("cups")
    unfinished.discard("cups")
    assert unfinished.list_unfinished() == []
    unfinished.discard("cups")  # twice is no error


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "/etc", "a b", "-x", "ä", "x" * 65, "a\n", "a\0", ".unfinished"]
)
def test_names_cannot_be_paths(name, home):
    for action in (unfinished.folder_of, unfinished.discard, unfinished.delete_aligner, unfinished.keep):
        with pytest.raises(AlignerError, match=r"cannot be called|no name yet"):
            action(name)
    with pytest.raises(AlignerError):
        unfinished.begin(replace(RECORD, name=name))
    assert not home.exists()


def test_a_damaged_record_is_passed_over_and_a_damaged_checkpoint_can_be_discarded(home):
    folder = unfinished.begin(RECORD)
    (folder / CHECKPOINT_FILE).write_bytes(b"no checkpoint")
    assert [(one.record, one.history) for one in unfinished.list_unfinished()] == [(RECORD, ())]
    (folder / unfinished.RECORD_FILE).write_text('{"name": 1}')
    assert unfinished.list_unfinished() == []
    other = replace(RECORD, fingerprint="1" * 16)
    assert unfinished.read_record(unfinished.begin(other)) == other  # in its place
    assert not (folder / CHECKPOINT_FILE).exists()


def test_a_folder_whose_record_has_another_name_is_passed_over(home):
    folder = unfinished.begin(RECORD)
    folder.rename(folder.with_name("other"))
    assert unfinished.list_unfinished() == []
