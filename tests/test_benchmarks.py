"""Each script of tests/benchmarks, small: it runs to its end and prints figures. What they say is not looked at here."""

import json
import subprocess
import sys

import pytest

from tests import local_clip
from tests.benchmarks import (
    attack,
    diagnosing,
    ends_on_maps,
    export,
    gpu,
    killed,
    landing,
    load,
    map_fit,
    paths,
    player,
    stand,
    training,
    warm_up,
    words_alone,
)
from tests.browser.conftest import need_chromium


def printed(monkeypatch, capsys, script, *options):
    """What a script prints as JSON, and its exit status."""
    monkeypatch.setattr(sys, "argv", [script.__name__, *options, "--json"])
    status = script.main()
    return json.loads(capsys.readouterr().out), status


@pytest.mark.slow
def test_attack(monkeypatch, capsys):
    found, status = printed(monkeypatch, capsys, attack, "--kinds", "class_lists,configurations", "--minutes", "0.05")
    assert status == 0 and found["holes"] == 0 and found["class_lists"]["files"] > 0


@pytest.mark.slow
def test_killed(monkeypatch, capsys):
    found, status = printed(monkeypatch, capsys, killed, "--only", "keep", "--times", "2")
    assert status == 0 and found["keep"]["kills"] == 2


@pytest.mark.slow
def test_diagnosing(monkeypatch, capsys):
    monkeypatch.setattr(diagnosing, "COMPARED", 6)
    found, status = printed(monkeypatch, capsys, diagnosing, "--features", "300")
    assert status in (0, 1) and found["features"]["features"] == 300 and found["features"]["right"] > 0.7
    assert found["page"]["seconds"] > 0


@pytest.mark.slow
def test_ends_on_maps(monkeypatch, capsys):
    """On the shipped aligners' own maps an end lies at its word, whatever the words are; of random numbers it may not."""
    monkeypatch.setattr(ends_on_maps, "RANDOM", {3: 5})
    monkeypatch.setattr(ends_on_maps, "ITEMS", 8)
    rows, status = printed(monkeypatch, capsys, ends_on_maps, "--lists", "2")
    assert status == 0 and [row["timeline"][1] <= 16 for row in rows] == [True] * 3
    for row in rows[:2]:
        assert row["timeline"][1] > 8 and all(row[name][0] == 0 for name in ends_on_maps.MAPS)


@pytest.mark.slow
def test_export(monkeypatch, capsys):
    found, status = printed(monkeypatch, capsys, export, "--only", "png,svg", "--pictures", "2")
    assert status in (0, 1) and [row["megabytes"] > 0 for row in found["rows"]] == [True, True]
    assert export.table(found["rows"]).count("\n") == 3


@pytest.mark.slow
def test_gpu(monkeypatch, capsys, tmp_path):
    """Without a GPU, on the CPU: what a run would print there, and that a part that fails ends nothing."""
    monkeypatch.setattr(gpu, "ALIGNED", gpu.ALIGNED[:1])
    out = tmp_path / "gpu.json"
    options = "--device", "cpu", "--seconds", "0", "--out", str(out)
    found, status = printed(monkeypatch, capsys, gpu, *options, "--parts", "machine,speed,answers")
    assert (
        json.loads(out.read_text()) == found and found["missing"] == [] and found["answers"]["largest_difference"] == 0
    )
    assert found["speed"]["rows"][0]["name"] == "align-1x2x25" and status in (0, 1)
    found, status = printed(monkeypatch, capsys, gpu, "--device", "nowhere", "--parts", "answers,machine")
    assert status == 1 and "nowhere" in found["answers"]["failed"] and found["machine"]["versions"]


@pytest.mark.slow
@pytest.mark.browser
def test_landing():
    need_chromium()
    call = [sys.executable, landing.__file__, "--examples", "01-photos", "--sizes", "390x844", "--json"]
    rows = json.loads(subprocess.run(call, capture_output=True, text=True, timeout=300, check=True).stdout)
    assert len({row["map"] for row in rows}) > 1 and [row["how"] for row in rows[:3]] == list(landing.HOW)
    assert "map's share of the window: 390x844" in landing.table(rows)


@pytest.mark.slow
def test_load():
    call = [
        sys.executable,
        load.__file__,
        "--sessions",
        "2",
        "--runs",
        "2",
        "--link",
        "3",
        "--json",
    ]  # a process of its own: it has an event loop
    found = json.loads(subprocess.run(call, capture_output=True, text=True, timeout=300).stdout)
    assert found["sessions"]["failed"] == found["runs"]["failed"] == found["link"]["failed"] == found["tracebacks"] == 0
    assert [row["place"] for row in found["runs"]["rows"]] == [1, 2]


@pytest.mark.slow
def test_map_fit(monkeypatch, capsys, aligner_dir):
    monkeypatch.setattr(map_fit, "load_aligner", lambda name, load=map_fit.load_aligner: load(aligner_dir))
    monkeypatch.setattr(map_fit, "MapConfig", lambda make=map_fit.MapConfig: make(steps=30))
    rows, _ = printed(monkeypatch, capsys, map_fit, "--points", "150", "300")
    assert [row["points"] for row in rows] == [150, 300]


@pytest.mark.slow
def test_paths(monkeypatch, capsys):
    monkeypatch.setattr("seda.journeys.given_journey.FIT_COUNT", 4)  # the fewest steps of a fit
    found, status = printed(monkeypatch, capsys, paths, "--items", "30", "--many", "1500", "--no-browser")
    assert status in (0, 1) and (found["items"], found["states"], found["shown"]) == (30, 51, 1024)
    assert (
        found["payload_mb"] < 8
        and "1,024 of 1,500 items" in found["said"]
        and found["maps"]["umap-2d"]["trustworthiness"] > 0.6
    )


@pytest.mark.slow
def test_training(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("SEDA_CACHE", str(tmp_path))
    for name, value in {"POOL": 330, "IMAGES": 320, "DATASET": "digits"}.items():
        monkeypatch.setattr(training, name, value)
    monkeypatch.setattr("seda.baselines.aligner_methods.MIN_STEPS", 10)
    rows, _ = printed(monkeypatch, capsys, training)
    assert [row["name"] for row in rows] == ["full", "16 shots"]


@pytest.mark.slow
def test_journeys_of_the_player(monkeypatch, tmp_path):
    """What is played; tests/browser plays."""
    for name, value in {"MANY": 4, "STEPS": 4, "POINTS": 100}.items():
        monkeypatch.setattr(player, name, value)
    assert 0 < player.write_journeys(tmp_path) < 3
    assert {path.stem for path in tmp_path.iterdir()} == {"64", "16", "20k"}


@pytest.mark.slow
@pytest.mark.browser
def test_warm_up():
    need_chromium()
    call = [sys.executable, warm_up.__file__, "--seconds", "0.5", "--json"]  # a browser of its own
    found = json.loads(subprocess.run(call, capture_output=True, text=True, timeout=300).stdout)
    assert found["loading"]["fps"] > 1 and found["ready"]["fps"] > 1


@pytest.mark.slow
def test_words_alone(monkeypatch, capsys):
    layout, config = local_clip.LAYOUT, words_alone.TrainingConfig
    untrained = local_clip.random_weights(layout)
    small = {"NAMES": local_clip.NAMES[:8], "HELD_OUT": range(2), "UNLABELLED": range(2, 4), "SHOTS": (2,)}
    for name, value in small.items():
        monkeypatch.setattr(words_alone, name, value)
    monkeypatch.setattr(words_alone, "write_clip", lambda path, _: local_clip.write_model(path, layout, untrained))
    monkeypatch.setattr(words_alone, "TrainingConfig", lambda max_epochs: config(max_epochs=2))
    monkeypatch.setattr(sys, "argv", ["words_alone", "--seeds", "1"])
    words_alone.main()
    title, _, *rows = capsys.readouterr().out.splitlines()
    assert title.startswith("| 16 held-out pictures, 8 names |")
    assert [row.split(" | ")[0] for row in rows][::6] == ["| zero-shot", "| SeDA from pictures: 2 a name"]
    assert len(rows) == 7


@pytest.mark.slow
@pytest.mark.browser
def test_stand(monkeypatch, capsys):
    need_chromium()
    monkeypatch.setattr(stand, "LOOK", 0.5)
    found, status = printed(monkeypatch, capsys, stand, "--minutes", "0.2", "--speed", "8")
    assert status == 0 and found["stops"] == 0 and sum(found["events"].values()) > 3
    looks = [{"minutes": 3.0 + i, "page_mb": 200.0 + 10 * (i > 3), "server_mb": 100.0} for i in range(7)]
    assert stand.growth(looks) == {"page_growth": 0.05, "server_growth": 0.0}
    assert stand.growth(looks[:3]) == {"page_growth": None, "server_growth": None}
