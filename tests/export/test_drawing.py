"""Pictures and films: right size, right letters, right time, and one drawing for all of them."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
import zlib
from concurrent.futures import ThreadPoolExecutor

import imageio_ffmpeg
import numpy as np
import pytest
import resvg_py
from PIL import Image

from seda.errors import ConfigError, Stopped
from seda.export import FORMATS, ExportOptions, apart, check_options, write_export
from seda.export.apart import encode_apart
from seda.export.drawing import lettering, needs, stage
from seda.export.drawing.engine import start_engine, stop_engine
from seda.export.drawing.lettering import Letters, missing_sentence
from seda.export.drawing.sheet import Sheet
from seda.export.options import go_on
from tests.toy import toy_journey

SCRIPTS = ("قطة 12 صغيرة", "猫の写真", "बिल्ली", "חתול לבן", "кошка & собака", "γάτα", "고양이", "ábaco «x»")
SMALL = ExportOptions(size=(640, 360))


def encode(suffix: str, options: ExportOptions = SMALL, **toy) -> bytes:
    return FORMATS[suffix].encode(toy_journey(**toy), options, go_on).content


def picture(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGB")).astype(int)


# ---- sizes and choices


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"size": (0, 400)}, "0 px"),
        ({"size": (10**9, 400)}, "1,000,000,000 px"),
        ({"mm": (5.0, 0.0)}, "5 mm"),
        ({"mm": (0.0, 200.0)}, "0 mm"),
        ({"size": (640, 360), "mm": (200.0, 0.0)}, "exclude each other"),
        ({"dpi": 0}, "0 dpi"),
        ({"fps": float("nan")}, "nan frames"),
        ({"seconds": 1e9}, "1,000,000,000 seconds"),
        ({"stills": 5}, "4 or 6"),
    ],
)
def test_nonsense_is_refused(chosen, message):
    with pytest.raises(ConfigError, match=message):
        ExportOptions(**chosen)


@pytest.mark.parametrize(
    ("suffix", "options", "message"),
    [
        (".png", ExportOptions(map="nowhere"), "There is no map 'nowhere'.*umap-2d"),
        (".svg", ExportOptions(step=99), "no step 99.*0 to 18"),
        (".mp4", ExportOptions(selection=(7,)), "0 to 5"),
        (".png", ExportOptions(mm=(5000.0, 5000.0), dpi=1200), "more than is drawn"),
        (".png", ExportOptions(mm=(20.0, 20.0), dpi=30), "too small"),
        (".gif", ExportOptions(fps=60), "at most 50 frames"),
        (".mp4", ExportOptions(size=(20_000, 20_000)), "more than is drawn"),
    ],
)
def test_what_a_journey_or_a_form_has_not_is_refused(suffix, options, message):
    with pytest.raises(ConfigError, match=message):
        encode(suffix, options)


def test_an_option_of_another_form_is_refused():
    with pytest.raises(ConfigError, match=r"A .png file has no fps"):
        check_options(".png", ExportOptions(fps=10))
    check_options(".png", ExportOptions(dpi=150))


def test_options_survive_json():
    options = ExportOptions(mm=(841.0, 0.0), selection=(1, 2), dark=True, map="timeline")
    assert ExportOptions.from_dict(json.loads(json.dumps(options.to_dict()))) == options


def test_paper_has_its_dots():
    with Image.open(io.BytesIO(encode(".png", ExportOptions(mm=(100.0, 50.0), dpi=150)))) as image:
        assert image.size == (591, 295)
        assert image.info["dpi"] == pytest.approx((150, 150), abs=0.1)


def test_more_dots_are_sharper_and_show_the_same():
    few, many = (picture(encode(".png", ExportOptions(mm=(200.0, 0.0), dpi=dpi))) for dpi in (75, 300))
    size = (many.shape[1], many.shape[0])
    enlarged = np.asarray(Image.fromarray(few.astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)).astype(int)
    assert np.abs(enlarged - many).mean() < 3  # the same places
    steepest = [np.abs(np.diff(one, axis=1)).max(axis=2) for one in (enlarged, many)]
    edges = [(one > 80).sum() for one in steepest]
    assert edges[1] > 2 * edges[0]  # and not only enlarged


def test_dark_and_bare():
    light, dark = picture(encode(".png")), picture(encode(".png", dataclasses.replace(SMALL, dark=True)))
    assert light[1, 1].min() > 240 and dark[1, 1].max() < 40
    bare = picture(encode(".png", dataclasses.replace(SMALL, captions=False)))
    corner = (slice(30), slice(120))  # where the title is
    assert np.ptp(light[corner], axis=(0, 1)).max() > 150 and np.ptp(bare[corner], axis=(0, 1)).max() < 60


def test_a_selection_greys_the_others():
    def colorful(content: bytes) -> int:
        pixels = picture(content)
        return int((np.ptp(pixels, axis=2) > 60).sum())

    assert colorful(encode(".png", dataclasses.replace(SMALL, selection=(0,)))) < colorful(encode(".png"))


@pytest.mark.parametrize("dark", [False, True])
def test_wrong_answers_are_marked_and_counted(dark):
    options = dataclasses.replace(SMALL, dark=dark)

    def red(**toy) -> int:
        pixels = picture(encode(".png", options, **toy))
        return int((pixels[..., 0] - pixels[..., 1:].max(axis=-1) > 130).sum())  # an orange class has 119

    assert red() == 0 and red(labelled=True) > 60
    assert "2 of 5 answers are wrong" in encode(".svg", options, labelled=True).decode()
    assert "answers" not in encode(".svg", options).decode()


# ---- letters


def test_names_in_every_script_are_texts():
    svg = encode(".svg", classes=len(SCRIPTS), class_names=SCRIPTS).decode()
    texts = {
        re.sub("[\u2066-\u2069]", "", element.text or "")
        for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    }
    assert set(SCRIPTS) <= texts
    letters = Letters("".join(SCRIPTS))
    for name in SCRIPTS:
        letters.width(name, 14, 650)
    if letters.missing():  # a machine without Noto
        if os.environ.get("CI"):
            pytest.fail(missing_sentence(letters.missing()))
        pytest.skip(missing_sentence(letters.missing()))


def test_letters_that_no_font_has_are_named(tmp_path):
    notes: list[str] = []
    journey = toy_journey(class_names=("\ue123 bag", "boot", "coat", "shirt"))
    write_export(journey, tmp_path / "a.svg", SMALL, on_note=notes.append)
    assert len(notes) == 1 and "U+E123" in notes[0]


def test_debians_package_is_named():
    assert "fonts-noto-cjk" in missing_sentence({"猫": "fonts-noto-cjk"})
    assert missing_sentence({}) == ""


def test_letters_are_set_as_browsers_set_them():
    letters = Letters()
    assert letters.width("AV", 100, 650) < letters.width("A", 100, 650) + letters.width("V", 100, 650)  # kerned
    assert letters.width("boot", 14, 650) > letters.width("boot", 14, 450) > 0
    assert letters.width("a b", 14, 450) > letters.width("ab", 14, 450)


def test_a_font_is_cut_once(tmp_path, monkeypatch):
    monkeypatch.setenv("SEDA_CACHE", str(tmp_path))
    lettering.own_font.cache_clear()
    first = lettering.own_font(450)
    (kept,) = (tmp_path / "fonts").iterdir()
    lettering.own_font.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(lettering, "_cut_weight", lambda *asked: pytest.fail("cut again"))
        assert lettering.own_font(450) == first
    kept.write_bytes(kept.read_bytes()[:-1])  # damaged
    lettering.own_font.cache_clear()
    assert lettering.own_font(450) == first
    lettering.own_font.cache_clear()


def test_a_pdf_holds_its_letters_once():
    content = encode(".pdf", classes=4, class_names=("boot", "кошка", "猫", "bag"))
    maps = b"".join(
        zlib.decompress(stream) for stream in re.findall(rb"FlateDecode.*?stream\r?\n(.*?)\r?\nendstream", content, re.DOTALL)
        if b"begincmap" in (zlib.decompress(stream) if stream[:1] == b"\x78" else b"")
    )  # fmt: skip
    known = {int(code, 16) for code in re.findall(rb"> <([0-9A-F]{4})>", maps)}
    known |= {code for low, high, first in re.findall(rb"<(\w{4})> <(\w{4})> <(\w{4})>", maps)
              for code in range(int(first, 16), int(first, 16) + int(high, 16) - int(low, 16) + 1)}  # fmt: skip
    assert {ord(letter) for letter in "bootкошка猫"} <= known
    assert content.count(b"/FontFile2") >= 2 and len(content) < 2_000_000


def test_a_right_to_left_name_with_a_number_keeps_its_order():
    svg = encode(".svg", classes=4, class_names=("قطة 12 صغيرة", "b", "c", "d")).decode()
    assert "\u2067قطة 12 صغيرة\u2069" in svg


# ---- SVG beside PNG


def test_svg_and_png_show_the_same():
    options = dataclasses.replace(SMALL, captions=False)
    ours = picture(encode(".png", options))
    other = picture(bytes(resvg_py.svg_to_bytes(svg_string=encode(".svg", options).decode(), width=640)))
    assert other.shape == ours.shape
    assert np.abs(ours - other).mean() < 2.5
    assert (np.abs(ours - other).max(axis=2) > 100).mean() < 0.02  # letters of another font


def test_another_program_shows_the_same(tmp_path):
    """librsvg, which Linux desktops show SVG with."""
    program = shutil.which("rsvg-convert")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("no rsvg-convert on the PATH")
        pytest.skip("no rsvg-convert on the PATH (install Debian's librsvg2-bin)")
    options = ExportOptions(size=(1280, 720), captions=False)
    file = tmp_path / "a.svg"
    file.write_bytes(encode(".svg", options, classes=len(SCRIPTS), class_names=SCRIPTS))
    theirs = picture(subprocess.run([program, "-w", "1280", file], capture_output=True, check=True).stdout)
    ours = picture(encode(".png", options, classes=len(SCRIPTS), class_names=SCRIPTS))
    assert np.abs(ours - theirs).mean() < 2.5
    assert (np.abs(ours - theirs).max(axis=2) > 100).mean() < 0.02


def test_svg_asks_for_nothing_and_runs_nothing():
    svg = encode(".svg", classes=4, class_names=("<script>alert(1)</script>", "a & b", '"q"', "]]>")).decode()
    assert "<script" not in svg and "&lt;script&gt;" in svg
    assert not re.search(r"""(href|src)\s*=\s*["'](?!data:|#)""", svg) and "@import" not in svg
    ET.fromstring(svg)


def test_a_poster_shows_its_steps_as_single_pictures_do():
    """The last panel has everything that was drawn for the ones before as well, and not more than its own."""
    journey = toy_journey()
    letters = Letters()
    poster = stage.Stage(journey, Sheet(1200, 800, panels=4, captions=False), letters.width)
    try:
        drawn = poster.draw(0)
        last = [op for op in drawn.page.ops if op[0] == 3][-1]
        room = drawn.recordings[last[3]]
        alone = stage.Stage(journey, Sheet(room.width, room.height, captions=False), letters.width)
        try:
            single = alone.draw(journey.trajectory.states.shape[1] - 1)
            (shown,) = [op for op in single.page.ops if op[0] == 3]
            assert len(single.recordings[shown[3]].ops) == len(room.ops)
        finally:
            alone.close()
    finally:
        poster.close()
    svg = encode(".svg", ExportOptions(stills=6)).decode()
    assert len(set(re.findall(r">step (\d+) · ", svg))) == 6


def test_a_canvas_is_drawn_as_it_was_then():
    engine = start_engine()
    engine.eval(
        stage._script().split("// ", 1)[0] + (stage.Path(stage.__file__).parent / "shim.js").read_text(encoding="utf-8")
    )
    told = json.loads(
        engine.eval(
            """
            const small = document.createElement("canvas"), page = document.createElement("canvas");
            const ctx = small.getContext("2d"), paper_ = page.getContext("2d");
            ctx.fillRect(0, 0, 1, 1);
            paper_.drawImage(small, 0, 0);
            ctx.fillRect(1, 1, 1, 1);
            paper_.drawImage(small, 5, 5, 600, 300);
            ctx.clearRect(0, 0, 300, 150);
            ctx.fillRect(2, 2, 1, 1);
            paper_.drawImage(small, 9, 9);
            handOut(page)
            """
        )
    )
    page = next(one for one in told["recordings"] if one["id"] == told["root"])
    uses = [(op[3], op[4], op[5], op[7]) for op in page["ops"]]
    assert uses[0][:2] == (uses[1][0], 1) and uses[1][1] == 2 and uses[2][0] != uses[0][0] and uses[2][1] == 1
    assert uses[1][3] == 2  # twice as wide
    stop_engine(engine)


def test_engines_of_two_threads_live_side_by_side():
    """Where the processor has memory protection keys, this once ended the process."""

    def both() -> str:
        one, two = (ThreadPoolExecutor(1).submit(start_engine).result() for _ in range(2))
        told = one.eval("let t = 0; for (let i = 0; i < 1e6; i += 1) t += i; `${t}`") + two.eval("`${1 + 1}`")
        stop_engine(one)
        stop_engine(two)
        return told

    assert ThreadPoolExecutor(1).submit(both).result() == "4999995000002"


# ---- films


def frames(content: bytes, suffix: str, tmp_path, size: tuple[int, int]) -> np.ndarray:
    file = tmp_path / f"film{suffix}"
    file.write_bytes(content)
    raw = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", file, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], capture_output=True, check=True
    ).stdout  # fmt: skip
    return np.frombuffer(raw, np.uint8).reshape(-1, size[1], size[0], 3).astype(int)


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".gif"])
def test_a_film_has_its_frames_and_ends_as_the_picture(suffix, tmp_path):
    content = encode(suffix, ExportOptions(size=(640, 361), seconds=1.5, fps=10))
    shown = frames(content, suffix, tmp_path, (640, 360))
    assert len(shown) == 15
    assert np.abs(shown[-1] - picture(encode(".png"))).mean() < 4
    assert np.abs(shown[0] - shown[-1]).mean() > np.abs(shown[-1] - shown[-2]).mean()
    if suffix == ".mp4":  # begins to play before it is all there
        assert content.index(b"moov") < content.index(b"mdat")


def test_a_gif_repeats_when_asked():
    for loop in (False, True):
        options = ExportOptions(size=(240, 136), seconds=0.5, fps=4, loop=loop)
        with Image.open(io.BytesIO(encode(".gif", options))) as film:
            assert film.n_frames == 2 and film.info.get("loop") == (0 if loop else None)


def test_time_goes_as_the_players_clock_does():
    journey = toy_journey(steps=20)
    last, hand_over = journey.trajectory.states.shape[1] - 1, journey.trajectory.hand_over
    one = stage.Stage(journey, Sheet(640, 360), Letters().width)
    try:
        for fps, seconds in ((30.0, 10.0), (12.5, 3.0), (30.0, 0.0)):
            positions = np.array(one.positions(fps, seconds))
            whole = seconds or len(positions) / fps
            assert len(positions) == round(whole * fps)
            assert positions[0] == 0 and positions[-1] == last and (np.diff(positions) >= 0).all()
            # .7 s at the hand-over and 1.8 s at the end, of what is that long at speed 1
            at_speed_1 = len(one.positions(30.0, 0.0)) / 30
            rests = [(positions == at).sum() / fps for at in (hand_over, last)]
            assert rests == pytest.approx([0.7 * whole / at_speed_1, 1.8 * whole / at_speed_1], abs=2.5 / fps)
    finally:
        one.close()


def test_stopping_leaves_nothing(tmp_path):
    done: list[int] = []

    def stop(at: int, total: int) -> bool:
        done.append(at)
        return at == 3

    with pytest.raises(Stopped):
        write_export(toy_journey(), tmp_path / "a.mp4", ExportOptions(size=(320, 180), seconds=60), on_progress=stop)
    assert done == [0, 1, 2, 3] and list(tmp_path.iterdir()) == []


# ---- what may be missing, what may be wrong


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # V8 answers after it was closed
def test_what_does_not_come_to_an_end_is_given_up(monkeypatch):
    monkeypatch.setattr(stage, "LONGEST", 1)
    one = stage.Stage(toy_journey(), Sheet(640, 360), Letters().width)
    try:
        with pytest.raises(ConfigError, match="cannot be drawn within 1 s"):
            one._run("for (;;) {}")
    finally:
        one.close()


def test_it_is_let_go_while_it_draws():
    """As when a process that draws is stopped: the engine went first, and what waited for it waited for ever."""
    for _ in range(5):
        one = stage.Stage(toy_journey(), Sheet(640, 360), Letters().width)
        drawing = one._thread.submit(one._engine.eval, "for (const start = Date.now(); Date.now() - start < 300;); 7")
        time.sleep(0.05)
        one.close()
        assert drawing.result(10) == 7


def test_a_process_that_does_not_end_is_ended(monkeypatch):
    monkeypatch.setattr(apart, "ENDS", 0.2)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "1\n"
        apart._end(process)
        assert process.wait(10) != 0


def test_it_is_drawn_where_an_event_loop_runs():
    async def notebook() -> bytes:
        return encode(".svg")

    with ThreadPoolExecutor(1) as thread:  # in ours a browser's may run
        assert thread.submit(lambda: asyncio.run(notebook())).result() == encode(".svg")


def test_a_process_that_takes_too_long_is_ended():
    with pytest.raises(ConfigError, match="the process that drew it ended"):
        encode_apart(toy_journey(), ".mp4", ExportOptions(seconds=120, fps=60), go_on, cpu_seconds=1)


def test_a_process_tells_what_is_wrong():
    with pytest.raises(ConfigError, match="no map 'nowhere'"):
        encode_apart(toy_journey(), ".svg", ExportOptions(map="nowhere"), go_on)


def test_a_missing_library_is_named(monkeypatch):
    def fail(module: str):
        raise ImportError("libEGL.so.1: cannot open shared object file")

    monkeypatch.setattr(needs.importlib, "import_module", fail)
    with pytest.raises(ConfigError, match="libEGL") as stopped:
        needs.need("skia")
    assert "libegl1" in stopped.value.remedy
    with pytest.raises(ConfigError, match="mini-racer"):
        needs.need("py_mini_racer")


def test_pictures_that_are_none_are_dots():
    journey = toy_journey()
    huge = io.BytesIO()
    Image.new("1", (9000, 9000)).save(huge, "PNG")
    wrong = (b"", b"no picture", huge.getvalue(), *journey.thumbnails[3:])
    pictures, sizes = stage._pictures(wrong)
    assert set(pictures) == set(sizes) == {"picture 3", "picture 4", "picture 5"}
    assert picture(
        FORMATS[".png"].encode(dataclasses.replace(journey, thumbnails=wrong), SMALL, go_on).content
    ).shape == (360, 640, 3)


def test_a_name_that_is_a_script_is_drawn_as_text():
    names = ("`${1}`", "\\u0041", "</script>", "x\u2028y")
    svg = encode(".svg", classes=4, class_names=names).decode()
    for name in names[:3]:
        assert name.replace("<", "&lt;").replace(">", "&gt;") in svg
