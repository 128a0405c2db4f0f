"""`bench start`: rows, their floors and bars. What the machine at hand takes is not looked at."""

from __future__ import annotations

import json
import sys

import pytest

from seda.benchmark import start
from seda.benchmark.start import BARS, FLOORS, StartRow, Visit, measure_start
from seda.benchmark.start_floor import pass_once
from seda.cli import ANSWERED, UNANSWERED, WRONG_CALL, main
from seda.encoders import load_encoder
from seda.errors import ConfigError, SedaError
from seda.ui.state import PLAYER_KEY


@pytest.fixture
def pretended(monkeypatch):
    """Processes and servers that take what the test says; gives the calls in their order."""
    calls: list[str] = []
    seconds = {"start_floor": 2.0, "classify": 3.0}

    def spend(call):
        name = next(one for one in seconds if any(one in part for part in call))
        calls.append(name)
        return start.Spent(seconds[name] + 0.1 * len(calls), 1.5, 700.0)

    def visit(*, runs):
        calls.append(f"visit, runs {runs}")
        return Visit(3.0, 2.5, 0.4, *((2.0, 1.0) if runs else (None, None)))

    monkeypatch.setattr(start, "_spend", spend)
    monkeypatch.setattr(start, "_visit", visit)
    return calls


def test_program_and_floor_take_turns(pretended):
    told = []
    rows = measure_start(rounds=2, on_row=lambda row, done, total: told.append((row.name, done, total)))
    assert pretended == ["start_floor", "classify"] * 3 + ["visit, runs True"] * 2  # the first pair only warms the disk
    assert [row.name for row in rows] == list(BARS) == list(FLOORS)
    assert told == [(name, place, len(BARS)) for place, name in enumerate(BARS, start=1)]
    answer, fresh, warm, first = rows
    assert answer.ratio == pytest.approx((3.4 / 2.3 + 3.6 / 2.5) / 2) and answer.reached and answer.peak_mb == 700
    assert fresh.ratio == pytest.approx(1.2) and fresh.reached
    assert warm.floor_s is None and warm.ratio is None and warm.median_s == 0.4 and warm.reached
    assert first.ratio == 2 and not first.reached


def test_only_what_is_asked_for(pretended):
    assert [row.name for row in measure_start(["page-load-warm"], rounds=1)] == ["page-load-warm"]
    assert pretended == ["visit, runs False"]
    with pytest.raises(ConfigError, match=r"no row b, c to measure; known are first-answer, page-load-fresh"):
        measure_start(["b", "c", "first-answer"])


def test_the_command_prints_rows_and_tells_a_missed_bar_by_its_status(pretended, capsys):
    assert main(["bench", "start", "--rows", "page-load-warm", "--rounds", "1", "--json"]) == ANSWERED
    (row,) = json.loads(capsys.readouterr().out)
    assert set(row) == set(StartRow.__dataclass_fields__) and row["bar"] == 3.0
    assert main(["bench", "start", "--rows", "first-run-app"]) == UNANSWERED
    assert "first-run-app" in capsys.readouterr().out
    assert main(["bench", "start", "--rows", "nothing"]) == WRONG_CALL
    with pytest.raises(SystemExit):
        main(["bench", "start", "--rounds", "0"])


def test_a_process_that_fails_is_told():
    spent = start._spend([sys.executable, "-c", "print(sum(range(10**5)))"])
    assert spent.seconds > 0 and all(part is None or part > 0 for part in (spent.cpu, spent.peak_mb))
    with pytest.raises(SedaError, match=r"ended with status 3: .*no such luck"):
        start._spend([sys.executable, "-c", "import sys; print('no such luck'); sys.exit(3)"])


def test_the_floor_looks_with_the_default_encoder():
    encoder = load_encoder("multilingual")
    assert pass_once() == (encoder.image_dim, encoder.text_dim)
    assert start.PLAYER == PLAYER_KEY and start.PICTURE.is_file()


@pytest.mark.slow
def test_a_fresh_server_is_visited(monkeypatch):
    monkeypatch.setattr(start, "PRESSED_AFTER", 0.1)
    monkeypatch.setattr(start, "LATER_RUNS", 1)
    rows = {row.name: row for row in measure_start(["page-load-fresh", "page-load-warm", "first-run-app"], rounds=1)}
    assert 0 < rows["page-load-warm"].median_s < rows["page-load-fresh"].median_s
    assert rows["first-run-app"].median_s > 0 and rows["first-run-app"].floor_s > 0
