"""`bench scale`: rows, what they are compared with, and each of them small. What they say is not looked at."""

from __future__ import annotations

import json

import pytest

from seda.benchmark import scale
from seda.benchmark.scale import OF_ITEMS, ROWS, ScaleRow, measure_one, measure_scale
from seda.cli import ANSWERED, WRONG_CALL, main
from seda.errors import AlignerError, ConfigError, SedaError


@pytest.fixture
def pretended(monkeypatch):
    """Rows that take what the test says: two milliseconds an item at 1,000, three elsewhere; gives what was asked for."""
    asked: list[tuple[str, int]] = []

    def measured(name, count, aligner):
        asked.append((name, count))
        each = 2.0 if count == 1000 else 3.0
        return ScaleRow(name, count, each * count / 1e3, each, None, 100.0, 101.0, 1e3 / count)

    monkeypatch.setattr(scale, "_in_a_process", measured)
    return asked


def test_each_row_is_compared_with_its_own_thousand(pretended, aligner_dir):
    told = []
    rows = measure_scale(
        aligner=str(aligner_dir), items=(100, 1000), points=(1000, 5000),
        on_row=lambda row, done, total: told.append((row.name, done, total)),
    )  # fmt: skip
    counts = {name: (100, 1000) if name in OF_ITEMS else (1000, 5000) for name in ROWS}
    assert pretended == [(name, count) for name in ROWS for count in counts[name]]
    assert told == [(name, place, 2 * len(ROWS)) for place, (name, _) in enumerate(pretended, start=1)]
    assert [row.ratio_to_1000 for row in rows[:2]] == [1.5, 1.0]
    assert measure_scale(["place"], aligner=str(aligner_dir), points=(10,))[0].ratio_to_1000 is None


def test_the_command_takes_rows_and_counts(pretended, aligner_dir, capsys):
    call = [
        "bench",
        "scale",
        "--aligner",
        str(aligner_dir),
        "--rows",
        "trace,place",
        "--items",
        "1000,20",
        "--points",
        "30",
    ]
    assert main([*call, "--json"]) == ANSWERED
    rows = json.loads(capsys.readouterr().out)
    assert [(row["name"], row["count"], row["ratio_to_1000"]) for row in rows] == [
        ("trace", 1000, 1.0), ("trace", 20, 1.5), ("place", 30, None),
    ]  # fmt: skip
    for wrong in (["--items", "0"], ["--items", "1,2000000"], ["--points", "x"]):
        with pytest.raises(SystemExit) as ended:
            main([*call, *wrong])
        assert ended.value.code == WRONG_CALL
    assert main([*call[:-6], "--rows", "places"]) != ANSWERED
    assert "no row places to measure; known are answer, align" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="no row x to measure"):
        measure_scale(["x"], aligner=str(aligner_dir))
    with pytest.raises(AlignerError):
        measure_scale(aligner="nowhere")


@pytest.mark.parametrize("name", ROWS)
def test_every_row_can_be_measured(name, aligner_dir, monkeypatch):
    monkeypatch.setattr(scale, "MAX_ROUNDS", 1)
    row = measure_one(name, 12, str(aligner_dir))
    assert (row.name, row.count, row.ratio_to_1000) == (name, 12, None) and row.seconds > 0
    assert row.ms_per_item == pytest.approx(1e3 * row.seconds / 12)


@pytest.mark.slow
def test_a_row_has_a_process_of_its_own(aligner_dir):
    (row,) = measure_scale(["place"], aligner=str(aligner_dir), points=(50,))
    assert (row.name, row.count) == ("place", 50)
    with pytest.raises(SedaError, match=r"(?s)place of 0 ended with status 1: .*ZeroDivisionError"):
        measure_scale(["place"], aligner=str(aligner_dir), points=(0,))
