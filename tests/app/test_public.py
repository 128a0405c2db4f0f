"""A server that strangers reach: what is closed, how much one of them may ask for, and who waits."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import streamlit as st

from seda.card import aligner_home
from seda.errors import AlignerError, ConfigError, LimitError
from seda.ui.serving import gate, rules
from seda.ui.serving.gate import Gate, Rate
from seda.ui.serving.line import AT_FRONT, PATIENCE, Line
from seda.ui.serving.rules import Limits, is_at_home, server_settings, without_paths
from seda.ui.serving.visitor import COOKIE, aligner_folder, is_secret
from seda.ui.train.state import EncoderChoice
from tests.app.conftest import press, said, state_of
from tests.app.test_pages import choose_aligner, type_classes, use_samples
from tests.tiny import CLASSES


@pytest.fixture
def open_nothing(monkeypatch) -> Callable[[str], None]:
    """The server's settings for a test: parts that are open, limits that differ from the default."""

    def set_them(parts: str = "", **limits: int) -> None:
        monkeypatch.setenv("SEDA_OPEN", parts)
        settings = server_settings().model_copy(update={"limits": Limits(**limits)})
        monkeypatch.setattr(rules, "server_settings", lambda: settings)
        monkeypatch.setattr(gate, "server_settings", lambda: settings)

    return set_them


# ------------------------------------------------------------------------------------------------ who is at home


@pytest.mark.parametrize(
    ("address", "headers", "at_home"),
    [
        ("localhost", {"host": "localhost:8501"}, True),
        ("127.0.0.1", {"host": "127.0.0.1:8501"}, True),
        ("::1", {"host": "[::1]:8501"}, True),
        (None, {"host": "localhost:8501"}, False),  # Streamlit's own default: all addresses
        ("0.0.0.0", {"host": "localhost:8501"}, False),
        ("localhost", {"host": "seda.example.org"}, False),  # a proxy, or a name that points here
        ("localhost", {"host": "localhost.example.org"}, False),
        ("localhost", {"host": "localhost", "x-forwarded-for": "1.2.3.4"}, False),
        ("localhost", {"host": "localhost", "forwarded": "for=1.2.3.4"}, False),
        ("localhost", {}, False),  # a browser that has just gone
        ("unix://seda.sock", {"host": "localhost"}, False),
    ],
)
def test_who_sits_at_the_machine(monkeypatch, address, headers, at_home):
    monkeypatch.setattr(st, "get_option", lambda name: address)
    assert is_at_home(headers) is at_home


def test_settings_come_from_variables_and_from_a_file(tmp_path, monkeypatch):
    assert rules.rules().limits is None and rules.rules().opened == set(rules.PARTS)
    file = tmp_path / "server.toml"
    file.write_text('open = ["paths"]\nbehind_proxy = true\n[limits]\nrun_seconds = 7\n')
    monkeypatch.setenv("SEDA_SERVER", str(file))
    assert rules.rules().opened == {"paths"} and rules.rules().limits.run_seconds == 7
    monkeypatch.setenv("SEDA_OPEN", "train, hub")
    assert rules.rules().opened == {"train", "hub"} and rules.rules().limits.run_seconds == 7
    monkeypatch.setenv("SEDA_OPEN", "")
    assert rules.rules().opened == frozenset()


def test_models_are_loaded_beforehand_unless_the_operator_says_otherwise(tmp_path, monkeypatch):
    assert server_settings().warm_up
    (tmp_path / "server.toml").write_text("warm_up = false\n")
    monkeypatch.setenv("SEDA_SERVER", str(tmp_path / "server.toml"))
    assert not server_settings().warm_up and server_settings().open is None
    for value, warm in {"on": True, "off": False}.items():
        monkeypatch.setenv("SEDA_WARM_UP", value)
        assert server_settings().warm_up is warm
    monkeypatch.setenv("SEDA_WARM_UP", "no")
    with pytest.raises(ConfigError, match=r"SEDA_WARM_UP is 'no'; it can be on or off"):
        server_settings()


@pytest.mark.parametrize(
    "text", ["open = 1", "opn = []", "[limits]\nrun_seconds = 0", "[limits]\ncells = nan", "open =", "warm_up = 2"]
)
def test_settings_that_cannot_be_used_open_nothing(tmp_path, monkeypatch, text):
    (tmp_path / "server.toml").write_text(text)
    monkeypatch.setenv("SEDA_SERVER", str(tmp_path / "server.toml"))
    with pytest.raises(ConfigError, match=r"server\.toml"):
        rules.rules()


# ------------------------------------------------------------------------------------------------ what is closed


def test_nothing_is_open_to_strangers_unless_the_operator_says_so(open_app, open_nothing, tmp_path):
    open_nothing()
    app = open_app()
    with pytest.raises(ValueError, match=r"train\.py"):
        app.switch_page("pages/train.py")
    folder = str(aligner_folder("open-vocabulary"))
    for typed in (folder, "../aligners/open-vocabulary", "~/x", "/etc"):
        press(choose_aligner(app, typed))
        assert "There is no aligner" in said(app, "error") and "or a folder" not in said(app, "error")
    with pytest.raises(AlignerError):
        aligner_folder(folder)


def test_a_train_page_that_is_open_may_still_know_no_paths_and_no_hub(open_app, open_nothing):
    open_nothing("train")
    app = open_app().switch_page("pages/train.py").run()
    assert app.segmented_control(key="train.encoder.kind").options[:2] == ["Bundled", "Bundled, whole pictures"]
    assert not {"Local file", "Hugging Face hub"} & set(app.segmented_control(key="train.encoder.kind").options)
    assert "Folder on the server" not in app.segmented_control(key="train.source").options
    train = app.session_state["train.state"]
    from seda.ui.train.encoder_choice import check_open
    from seda.ui.train.pictures import check_dataset

    for name in (
        "open_clip:local-dir:/x",
        "open_clip:ViT-B-32/openai@/x",
        "open_clip:hf-hub:a/b",
        "open_clip:ViT-B-32/openai",
    ):
        with pytest.raises(Exception, match="Not open on this server"):
            check_open(name)
    with pytest.raises(Exception, match="Not open on this server"):
        check_dataset("torchvision:CIFAR10")
    with pytest.raises(Exception, match="no data set"):
        check_dataset("folder:/etc")
    train.encoder = EncoderChoice(kind="Hugging Face hub", repository="nobody/nothing")  # as by a forged message
    app.run()
    assert not app.exception


def test_messages_tell_strangers_no_folder_of_the_server(open_nothing):
    text = f"{aligner_home() / 'x' / 'card.json'} is damaged."
    assert without_paths(text) == text
    open_nothing()
    assert without_paths(text).startswith("…/") and str(aligner_home()) not in without_paths(text)
    for told, left in (
        ("folder:/srv/my/pictures", "folder:…/pictures"),
        ("'/data/a b/x.pt' is gone", "'…/a b/x.pt' is gone"),
        ("open_clip:ViT-B-32@/models/x.pt.", "open_clip:ViT-B-32@…/x.pt."),
        ("see https://arxiv.org/abs/2505.05721 and docs/operating.md, a cat/dog or /both", ""),
    ):
        assert without_paths(told) == (left or told)


# ------------------------------------------------------------------------------------------------ how much


def test_a_run_has_so_many_cells_and_so_many_seconds(open_app, open_nothing, monkeypatch):
    open_nothing(cells=50)
    app = type_classes(use_samples(open_app()), ", ".join(CLASSES))
    press(app)
    assert "a run on this server may have 50" in said(app, "error")
    open_nothing(run_seconds=1)
    ticks = iter(range(0, 10**6, 2))
    monkeypatch.setattr("seda.ui.trajectories.runs.time.monotonic", lambda: next(ticks))
    press(app)
    assert "longer than the 1 s" in said(app, "error") and state_of(app).pending is None


def test_a_link_starts_no_large_run(open_app, open_nothing):
    link = {"samples": "red-circle-0", "classes": ",".join(map(str, range(900))), "steps": "90"}
    app = open_app(**link)
    state = state_of(app)
    assert state.pending is None and state.shown.origin == "example" and "press Run" in said(app, "info")
    assert state.sampling.num_inference_steps == 90 and len(state.class_text.split(",")) == 900
    assert "90" in app.query_params["steps"]  # the address stays


# ------------------------------------------------------------------------------------------------ the line


def test_first_come_first_served_and_a_place_is_kept():
    now = [0.0]
    line = Line(lambda: 1, lambda: 3, clock=lambda: now[0])
    assert [line.place(who) for who in "abc"] == [0, 1, 2]
    assert line.place("b") == 1 and line.place("c") == 2 and line.counts == (1, 2)
    line.place("d")
    with pytest.raises(LimitError, match="3 visitors"):
        line.place("e")
    line.leave("a")
    assert line.place("c") == 2 and line.place("b") == 0  # in their order, whoever asks first
    line.leave("b", for_good=False)  # interrupted: the next again
    assert line.place("c") == 2 and line.place("b") == 0
    now[0] = AT_FRONT - 1
    assert [line.place(who) for who in "cd"] == [1, 2]  # gone for so long, they begin anew
    now[0] = AT_FRONT
    line.leave("b", for_good=False)  # for too long: the last
    assert line.place("c") == 0 and line.place("d") == 1 and line.place("b") == 2
    now[0] += PATIENCE + 1
    line.leave("c")
    assert line.place("f") == 0  # d and b did not come back


def test_as_many_at_once_as_there_may_be():
    line = Line(lambda: 2, lambda: 100)
    most, here, guard = [0], [0], threading.Lock()

    def one(who: int) -> None:
        with line.turn(str(who), lambda place: None):
            with guard:
                here[0] += 1
                most[0] = max(most[0], here[0])
            threading.Event().wait(0.02)
            with guard:
                here[0] -= 1

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(one, range(12)))
    assert most[0] == 2 and line.counts == (0, 0)


def test_an_error_makes_room_and_an_interruption_keeps_the_place():
    line = Line(lambda: 1, lambda: 9)
    with pytest.raises(ValueError), line.turn("a", lambda place: None):
        raise ValueError
    assert line.counts == (0, 0)

    class Interruption(BaseException):
        pass

    with pytest.raises(Interruption), line.turn("a", lambda place: None):
        raise Interruption
    assert line.counts == (0, 1) and line.place("b") == 2


# ------------------------------------------------------------------------------------------------ the gate


class Served:
    """The gate before an application that says yes to everything."""

    def __init__(self) -> None:
        self.asked: list[dict] = []
        self.gate = Gate(self._app)

    async def _app(self, scope, receive, send):
        self.asked.append(scope)
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
            await send({"type": "http.response.body", "body": b""})

    def ask(self, path: str, method: str = "GET", kind: str = "http", **headers: str) -> list[dict]:
        sent: list[dict] = []

        async def send(message):
            sent.append(message)

        pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": kind, "path": path, "method": method, "headers": pairs, "client": ("1.2.3.4", 5)}
        with ThreadPoolExecutor(1) as pool:  # Playwright leaves a loop running in the thread of the browser tests
            pool.submit(asyncio.run, self.gate(scope, None, send)).result(timeout=10)
        return sent


def test_a_page_brings_a_secret_once_and_to_nobody_between():
    served = Served()
    start = served.ask("/search", accept="text/html", if_none_match="x")[0]
    assert served.asked[0]["headers"] == [(b"accept", b"text/html")]
    headers = dict(start["headers"])
    cookie = headers[b"set-cookie"].decode()
    value = cookie.partition("=")[2].partition(";")[0]
    assert cookie.startswith(COOKIE) and is_secret(value) and "HttpOnly" in cookie and "SameSite=Lax" in cookie
    assert b"no-store" in headers[b"cache-control"] and "Secure" not in cookie
    assert b"set-cookie" not in dict(served.ask("/", accept="text/html", cookie=f"{COOKIE}={value}")[0]["headers"])
    assert b"set-cookie" in dict(served.ask("/", accept="text/html", cookie=f"{COOKIE}=short")[0]["headers"])
    assert (
        b"Secure" in dict(served.ask("/", accept="text/html", x_forwarded_proto="https")[0]["headers"])[b"set-cookie"]
    )
    assert b"set-cookie" not in dict(served.ask("/_stcore/health")[0]["headers"])


def test_uploads_are_counted_also_where_no_uploader_is(open_nothing, monkeypatch):
    open_nothing(upload_files=2, upload_mb=1)
    held = [(0, 0)]
    monkeypatch.setattr(gate, "_held", lambda session: held[0])
    served = Served()

    def put(size: str = "1000") -> int:
        headers = {"content_length": size} if size else {}
        return served.ask("/_stcore/upload_file/abc/def", "PUT", host="x", **headers)[0]["status"]

    assert put() == 200 and put(str(2**20)) == 200
    assert put(str(2**20 + 1)) == 429
    assert put("") == 429  # a body whose length is not told may have all that a file may have
    held[0] = (2, 10)
    assert put() == 429
    held[0] = (0, 0)
    assert put() == 200 and served.gate._coming == {}
    open_nothing(uploads_per_minute=1)
    served = Served()
    assert [put(), put()] == [200, 429]


def test_connections_are_counted(open_nothing):
    open_nothing(connections_per_minute=2)
    served = Served()
    sent = [served.ask("/_stcore/stream", kind="websocket", host="x") for _ in range(3)]
    assert sent == [[], [], [{"type": "websocket.close", "code": gate.TRY_LATER}]] and len(served.asked) == 2
    now = [0.0]
    rate = Rate(lambda: now[0])
    assert rate.allows("a", 1) and not rate.allows("a", 1) and rate.allows("b", 1)
    now[0] = 61
    assert rate.allows("a", 1)


def test_the_own_machine_is_not_counted(monkeypatch):
    monkeypatch.setattr(st, "get_option", lambda name: "localhost")
    served = Served()
    for _ in range(3):
        assert (
            served.ask("/_stcore/upload_file/abc/def", "PUT", host="localhost:1", content_length="1")[0]["status"]
            == 200
        )
    assert served.ask("/_stcore/metrics", host="localhost:1")[0]["status"] == 200


def test_live_ready_and_no_metrics_for_strangers(open_nothing):
    open_nothing()
    served = Served()
    assert served.ask("/_stcore/metrics", host="x")[0]["status"] == 404
    start, body = served.ask("/below/_seda/live")
    assert start["status"] == 200 and json.loads(body["body"]) == {"live": True}
    start, body = served.ask("/_seda/ready")
    told = json.loads(body["body"])
    assert start["status"] == 200 and told["ready"] and told["waiting"] == 0 and told["disk_free_mb"] > 0
    open_nothing(free_mb=10**9)
    assert served.ask("/_seda/ready")[0]["status"] == 503 and served.asked == []


def test_what_was_refused_is_logged_without_its_contents(open_app, open_nothing, caplog):
    open_nothing()
    app = open_app()
    press(choose_aligner(app, "a secret name"))
    refused = [record.getMessage() for record in caplog.records if record.name == "seda.refused"]
    assert refused == ["refused run: AlignerError"]
