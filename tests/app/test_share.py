"""Share: the link of what is on the screen, by an address that others can open, and its code."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from seda.ui.qr import FAR, QUIET, QrCode
from seda.ui.serving import reach as reach_module
from seda.ui.serving.reach import lan_address, reach_of
from tests.app.conftest import press, said, state_of, type_classes, upload
from tests.app.test_uploads import png

HOME = "192.168.7.20"


@pytest.fixture
def at_home_network(monkeypatch):
    monkeypatch.setattr(reach_module, "lan_address", lambda: HOME)


@pytest.mark.parametrize(
    ("asked", "listens", "told", "url"),
    [
        ("http://localhost:8501/", "0.0.0.0", None, f"http://{HOME}:8501/"),
        ("http://127.0.0.1:8501/search", None, "localhost", f"http://{HOME}:8501/"),
        ("http://localhost:8501/below/search?a=b", "::", None, f"http://{HOME}:8501/below/"),
        ("http://localhost/", "10.0.0.5", None, "http://10.0.0.5/"),
        ("http://localhost:1/", "fd00::5", None, "http://[fd00::5]:1/"),
        ("http://localhost:8501/", "localhost", "seda.example.org", "http://seda.example.org:8501/"),
        ("https://seda.example.org/method", "localhost", None, "https://seda.example.org/"),  # behind a proxy
        ("http://10.0.0.9:8501/", "0.0.0.0", None, "http://10.0.0.9:8501/"),  # by which the visitor came
    ],
)
def test_the_address_is_one_that_others_can_open(at_home_network, asked, listens, told, url):
    found = reach_of(asked, listens, told)
    assert (found.url, found.problem) == (url, "")
    assert found.link({"a": "b c,d"}) == f"{url}?a=b+c,d" and found.link({}) == url


def test_a_server_that_nobody_else_reaches_says_so(monkeypatch):
    assert "--server.address 0.0.0.0" in reach_of("http://localhost:8501/", "localhost").problem
    monkeypatch.setattr(reach_module, "lan_address", lambda: None)
    assert "in no network" in reach_of("http://localhost:8501/", "0.0.0.0").problem


def test_nothing_is_sent_to_find_the_address(monkeypatch):
    sent = []

    class Card:
        def __init__(self, *kind):
            assert kind == (reach_module.socket.AF_INET, reach_module.socket.SOCK_DGRAM)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            sent.append("closed")

        def connect(self, where):
            assert re.match(r"198\.51\.100\.", where[0])

        def getsockname(self):
            return (HOME, 4)

    monkeypatch.setattr(reach_module.socket, "socket", Card)
    assert lan_address() == HOME and sent == ["closed"]
    monkeypatch.setattr(Card, "connect", lambda *_: (_ for _ in ()).throw(OSError("no network")))
    assert lan_address() is None


def test_a_code_is_black_on_white_with_its_margin_and_tells_when_it_is_too_long():
    near = QrCode(f"http://{HOME}:8501/?room=ABCDE")
    picture = unquote(near.img("4rem", 'a "code"'))
    assert f"viewBox='0 0 {near.squares + 2 * QUIET} {near.squares + 2 * QUIET}'" in picture
    assert "fill='#fff'" in picture and "stroke='#000'" in picture and "a &quot;code&quot;" in picture
    assert near.squares <= 29 < FAR < QrCode("x" * 600).squares
    assert QrCode("x" * 4000).squares == 0 and QrCode("x" * 4000).img("4rem", "") == ""


def _link(app) -> str:
    press(app, "trajectories.share")
    return app.get("code")[-1].value if app.get("code") else ""


def test_the_dialog_holds_the_link_of_what_is_on_the_screen(open_app):
    app = press(type_classes(open_app(), "red square, green disc, a blue zebra"))
    link = _link(app)
    assert dict(parse_qsl(urlsplit(link).query))["classes"] == "red square,green disc,a blue zebra"
    assert any("seda-qr" in element.proto.body for element in app.get("html"))
    assert "Uploads are never in a link" in said(app, "caption")
    assert "this machine alone" in said(app, "warning")  # AppTest's server listens as config.toml says


def test_uploads_are_not_in_the_link(open_app):
    app = open_app()
    app.segmented_control(key="trajectories.source").set_value("Upload").run()
    upload(app, [("secret.png", png(3), "image/png")])
    press(app)
    link = _link(app)
    assert state_of(app).shown.origin == "run" and "pictures=uploads" in link and "secret" not in link
    assert "never in a link" in said(app, "info")
