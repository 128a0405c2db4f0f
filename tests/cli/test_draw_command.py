"""trace and draw: pictures and films from the command line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from seda.cli import ANSWERED, UNANSWERED, WRONG_CALL, main
from seda.commands import trace
from tests.tiny import CLASSES
from tests.toy import toy_journey


@pytest.fixture
def replay(tmp_path: Path) -> str:
    return str(toy_journey().save(tmp_path / "toy.safetensors"))


def test_draw_writes_what_is_asked_for(capsys, replay, tmp_path):
    out = tmp_path / "a.png"
    assert (
        main(
            [
                "draw",
                replay,
                "--out",
                str(out),
                "--size",
                "640x360",
                "--theme",
                "dark",
                "--step",
                "3",
                "--map",
                "timeline",
            ]
        )
        == ANSWERED
    )
    told = capsys.readouterr()
    assert told.out.strip() == str(out) and "drawing 3/3" in told.err
    with Image.open(out) as image:
        assert image.size == (640, 360) and max(image.getpixel((1, 1))) < 40


def test_a_poster_on_paper(replay, tmp_path):
    out = tmp_path / "poster.svg"
    assert main(["draw", replay, "--out", str(out), "--mm", "420x297", "--stills", "4"]) == ANSWERED
    text = out.read_text(encoding="utf-8")
    assert 'width="420mm" height="297mm"' in text and len(re.findall(r">step \d+ · ", text)) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--size", "0x0"], "0 px; 120 to 24,000"),
        (["--size", "999999999x9"], "999,999,999 px"),
        (["--map", "nowhere"], "There is no map 'nowhere'"),
        (["--fps", "10"], "A .png file has no fps.*choose .mp4"),
        (["--loop"], "A .png file has no loop.*choose .html, .gif"),
        (["--stills", "7"], "there are 4 or 6"),
    ],
)
def test_nonsense_is_said(capsys, replay, tmp_path, options, message):
    assert main(["draw", replay, "--out", str(tmp_path / "a.png"), *options]) == WRONG_CALL
    assert re.search(message, capsys.readouterr().err, re.DOTALL)
    assert not (tmp_path / "a.png").exists()


@pytest.mark.parametrize(
    "options", [["--size", "big"], ["--size", "1920"], ["--mm", "0"], ["--mm", "-3"], ["--dpi", "0"], ["--fps", "fast"]]
)
def test_what_is_no_number_ends_the_call(capsys, replay, tmp_path, options):
    with pytest.raises(SystemExit) as stopped:
        main(["draw", replay, "--out", str(tmp_path / "a.png"), *options])
    assert stopped.value.code == WRONG_CALL and options[0] in capsys.readouterr().err


def test_the_place_is_tried_first(capsys, replay, tmp_path):
    (tmp_path / "a.png").mkdir()
    assert main(["draw", replay, "--out", str(tmp_path / "a.png")]) == UNANSWERED
    assert "it is a folder" in capsys.readouterr().err
    assert main(["draw", str(tmp_path / "missing.safetensors"), "--out", str(tmp_path / "b.png")]) == WRONG_CALL


def test_trace_draws_its_own_pictures_larger(monkeypatch, aligner_dir, pictures, tmp_path):
    sides: list[int] = []
    whole = trace.thumbnail_png
    monkeypatch.setattr(trace, "thumbnail_png", lambda image, side: sides.append(side) or whole(image, side))
    call = ["trace", str(pictures), "--classes", ", ".join(CLASSES), "--aligner", str(aligner_dir), "--steps", "4"]
    assert main([*call, "--out", str(tmp_path / "a.svg"), "--no-captions"]) == ANSWERED
    assert set(sides) == {trace.PRINTED}
    sides.clear()
    assert main([*call, "--out", str(tmp_path / "a.csv")]) == ANSWERED
    assert sides == []
