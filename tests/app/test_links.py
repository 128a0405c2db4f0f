"""Links, written and read: everything comes back, and nothing that a link may hold raises."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seda.config import SamplingConfig
from seda.journeys.settings import TraceSettings
from seda.ui.trajectories import links
from seda.ui.trajectories.links import Catalog, Settings, Source, read_link, read_view, write_link, write_view
from seda.ui.trajectories.player import PlayerState
from tests.toy import toy_journey

OWN = ("boot", "coat")
EXAMPLE = Settings("own", ("cat", "dog"), "a {}", SamplingConfig(num_inference_steps=9))
FIRST = Source(links.EXAMPLE, ("01-first",))


def start_settings(source: Source, aligner: str | None) -> Settings:
    if source.kind == links.EXAMPLE:
        return replace(EXAMPLE, aligner=aligner or EXAMPLE.aligner)
    return Settings(aligner or "own", OWN, "{}", SamplingConfig())


CATALOG = Catalog(
    ["own", "other"], ["01-first", "02-second"], {"boot-1": "f/boot-1.png", "coat-2": "f/coat-2.png"}, start_settings
)


def read(**params: str) -> links.Link:
    link = read_link(params, CATALOG)
    assert link is not None
    return link


def test_an_address_without_our_parameters_is_no_link():
    assert read_link({}, CATALOG) is None
    assert read_link({"embed": "true", "utm_source": "x"}, CATALOG) is None


def test_what_greets_a_visitor_has_the_bare_address():
    assert write_link(FIRST, EXAMPLE, CATALOG) == ({}, ())


@pytest.mark.parametrize(
    ("source", "settings", "params"),
    [
        (Source(links.EXAMPLE, ("02-second",)), EXAMPLE, {"example": "02-second"}),
        (FIRST, replace(EXAMPLE, class_names=("cat", "wolf")), {"classes": "cat,wolf"}),
        (FIRST, replace(EXAMPLE, aligner="other", template="{}"), {"aligner": "other", "template": "{}"}),
        (Source(links.SAMPLES, ("f/coat-2.png",)), start_settings(Source(links.SAMPLES), None), {"samples": "coat-2"}),
        (Source(links.UPLOADS), start_settings(Source(links.UPLOADS), None), {"pictures": "uploads"}),
        (
            Source(links.REPLAY),
            Settings("own", OWN, "{}", SamplingConfig("ddpm", 7, 0.65, 0.5, 12.0, 99)),
            {
                "pictures": "replay", "sampler": "ddpm", "steps": "7", "strength": "0.65", "eta": "0.5",
                "guidance": "12", "seed": "99",
            },
        ),
    ],
)  # fmt: skip
def test_a_link_holds_what_differs_and_comes_back(source, settings, params):
    assert write_link(source, settings, CATALOG) == (params, ())
    link = read(**params)
    assert (link.source, link.settings, link.refused) == (source, settings, ())
    assert link.as_stored == (source.kind == links.EXAMPLE and settings == EXAMPLE)


def test_class_texts_of_any_script_come_back():
    names = ("كلب", "👗 & a=b?", "<b>x</b>", "50 % wool+silk", "#tag")
    params, _ = write_link(FIRST, replace(EXAMPLE, class_names=names), CATALOG)
    assert read(**params).settings.class_names == names


def test_what_is_too_long_is_left_out_and_said():
    long = replace(EXAMPLE, class_names=tuple(f"thing number {number}" for number in range(500)))
    assert write_link(FIRST, long, CATALOG) == ({}, ("the class texts",))
    samples = {f"sample {number}": f"f/{number}.png" for number in range(2000)}
    many = replace(CATALOG, samples=samples)
    source = Source(links.SAMPLES, tuple(samples.values()))
    assert write_link(source, replace(long, template="{}"), many)[1] == ("the class texts", "the samples")


@pytest.mark.parametrize("folder", ["/home/me/runs/mine", "/home/me/runs/mine/", "C:\\runs\\mine"])
def test_a_folder_is_never_told(folder):
    params, _ = write_link(Source(links.UPLOADS), Settings(folder, OWN, "{}", SamplingConfig()), CATALOG)
    assert params == {"pictures": "uploads", "aligner": "mine"}


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"aligner": "../../etc"}, "aligner"),
        ({"aligner": "/etc"}, "aligner"),
        ({"example": "../01-first"}, "example"),
        ({"samples": "boot-1,../../secret"}, "sample"),
        ({"samples": ",".join("abcdefgh")}, "5 more samples"),
        ({"samples": ""}, "sample"),
        ({"pictures": "/etc/passwd"}, "pictures"),
        ({"classes": "one"}, "class texts"),
        ({"classes": "a," + "x" * 5000}, "class texts"),
        ({"template": "no place"}, "template"),
        ({"template": "{}{}"}, "template"),
        ({"sampler": "euler"}, "sampler"),
        ({"steps": "101"}, "steps"),
        ({"steps": "2.5"}, "steps"),
        ({"steps": "9" * 5000}, "steps"),
        ({"strength": "nan"}, "strength"),
        ({"strength": "0.01"}, "strength"),
        ({"guidance": "inf"}, "guidance"),
        ({"guidance": "1e999"}, "guidance"),
        ({"eta": "-1"}, "eta"),
        ({"seed": "-1"}, "seed"),
        ({"seed": str(2**31)}, "seed"),
    ],
)
def test_what_cannot_be_used_is_named_and_left_at_its_default(params, words):
    link = read(**params, seed="7") if "seed" not in params else read(**params)
    assert len(link.refused) >= 1 and words in links.refusal(link.refused)
    assert len(links.refusal(link.refused)) < 400
    defaults = CATALOG.settings(link.source, None)
    seed = 0 if "seed" in params else 7  # the rest of the link is used
    assert link.settings == replace(defaults, sampling=replace(defaults.sampling, seed=seed))


def test_the_players_view_comes_back():
    journey = toy_journey()
    last = journey.trajectory.states.shape[1] - 1
    for view, params in (
        (PlayerState(last, (), next(iter(journey.maps))), {"step": str(last)}),  # a link keeps its last step
        (PlayerState(2, (), next(iter(journey.maps)), present=True), {"step": "2", "present": "1"}),
        (PlayerState(3, (0, 2), "timeline", True), {"map": "timeline", "step": "3", "selected": "0,2", "stills": "1"}),
        (PlayerState(0, (), next(iter(journey.maps))), {"step": "0"}),
    ):
        assert write_view(view, journey) == params
        assert read_view(params, journey) == (view, ())
    assert write_view(None, journey) == {} and read_view({}, journey) == (None, ())


@pytest.mark.parametrize(
    "params",
    [
        {"map": "nowhere"}, {"step": "-1"}, {"step": "999"}, {"step": "٣"}, {"step": ""}, {"step": "1e3"},
        {"selected": "999"}, {"selected": "a,b"}, {"selected": ""}, {"stills": "yes"}, {"present": "2"}, {"step": "9" * 5000},
    ],
)  # fmt: skip
def test_a_view_that_cannot_be_is_refused(params):
    view, refused = read_view(params, toy_journey())
    assert view is None
    assert len(refused) == 1 and next(iter(params)) in refused[0]


def test_of_a_selection_the_usable_part_is_used():
    view, refused = read_view({"selected": "1,0,77"}, toy_journey())
    assert view.selection == (0, 1) and len(refused) == 1


@pytest.mark.parametrize(
    "told",
    [
        {}, {"sampling": None}, {"template": None}, {"template": "{}{}"}, {"template": ""}, {"template": "a photo"},
    ],
)  # fmt: skip
def test_settings_of_a_replay_that_makes_no_sense_are_the_defaults(told):
    journey = toy_journey()
    settings = links.settings_of(
        replace(journey, trajectory=replace(journey.trajectory, settings=TraceSettings(**told)))
    )
    assert settings.sampling == SamplingConfig() and settings.template == "{}"


def test_settings_of_the_command_line_come_near_to_what_the_panel_shows():
    assert links.within_limits(SamplingConfig(num_inference_steps=150)).num_inference_steps == 100
    assert links.within_limits(SamplingConfig(strength=0.05)).strength == 0.1
