"""What is on the screen as the parameters of a link, and back. Nothing here touches the browser or a file.

    pictures    example=NAME, or samples=KEY,KEY, or pictures=uploads | replay | room; without any, the first example's
    settings    aligner, classes (joined by commas), template, denoiser, sampler, steps, strength, guidance, eta, seed
    view        map, step, selected (numbers of items, from 0), stills=1, present=1

Only what differs from where a visitor starts is written. Everything in a link is untrusted: what cannot be used is named
and left at its default, and nothing raises.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from seda.class_texts import fill_template, parse_class_texts, quoted
from seda.config import SamplingConfig
from seda.errors import SedaError
from seda.journeys.journey import Journey
from seda.ui.trajectories.player import PlayerState

MAX_LINK = 6_000  # characters; chosen here: mail programs and chats pass that on whole
MAX_TEXT = 200  # characters of a template or of an aligner's name
MAX_LISTED = 64  # samples of a link, and items that it selects

EXAMPLE, SAMPLES, UPLOADS, REPLAY, ROOM = "example", "samples", "uploads", "replay", "room"
PRIVATE = (UPLOADS, REPLAY, ROOM)  # their items stay with the visitor who brought them

SAMPLING = {  # name in a link: field of SamplingConfig
    "denoiser": "denoiser",
    "sampler": "sampler",
    "steps": "num_inference_steps",
    "strength": "strength",
    "guidance": "guidance",
    "eta": "eta",
    "seed": "seed",
}
LIMITS = {  # what the side panel can set, and so what a link may; chosen here: 100 steps fit into a strength of .1
    "num_inference_steps": (1, 100),
    "strength": (0.1, 1.0),
    "guidance": (0.0, 20.0),
    "eta": (0.0, 1.0),
    "seed": (0, SamplingConfig.MAX_SEED),
}
SWITCHES = ("stills", "present")  # of the view: 1 where they are on
VIEW = ("map", "step", "selected", *SWITCHES)


@dataclass(frozen=True)
class Source:
    """Where items come from.

    Attributes:
        kind: EXAMPLE, SAMPLES, UPLOADS, REPLAY or ROOM (a phone).
        names: the example's name, the samples' keys, or the room's code and the item's number there.
    """

    kind: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    """What items are traced with.

    Attributes:
        aligner: name or folder.
        class_names: two or more, unless nothing is known.
        template: around each class text.
        sampling: how.
    """

    aligner: str
    class_names: tuple[str, ...]
    template: str
    sampling: SamplingConfig


@dataclass(frozen=True)
class Catalog:
    """What links may name.

    Attributes:
        aligners: names of those that the visitor may choose; a link never names a folder.
        examples: names of the stored examples; the first greets a visitor.
        samples: keys of the samples by the short names that links use.
        settings: of a source and an aligner (None: the source's own), where the link says nothing.
    """

    aligners: Sequence[str]
    examples: Sequence[str]
    samples: Mapping[str, str]
    settings: Callable[[Source, str | None], Settings]


@dataclass(frozen=True)
class Link:
    """A link that was read.

    Attributes:
        source: of the items.
        settings: complete.
        as_stored: whether it shows a stored example as it is.
        view: parameters of the player's view, not yet checked: that needs the journey.
        refused: what could not be used, in a few words each.
    """

    source: Source
    settings: Settings
    as_stored: bool
    view: Mapping[str, str]
    refused: tuple[str, ...] = ()


def settings_of(journey: Journey, aligner: str = "") -> Settings:
    """What a journey was traced with; the defaults where it does not say.

    Args:
        journey: from a run or a file.
        aligner: name or folder that it was chosen by; the name in the journey where it is empty.
    """
    told = journey.trajectory.settings
    template = told.template or ""
    return Settings(
        aligner or told.aligner,
        journey.trajectory.class_names,
        template if template.count("{}") == 1 else "{}",  # a replay may hold anything
        told.sampling or SamplingConfig(),
    )


def within_limits(sampling: SamplingConfig) -> SamplingConfig:
    """The nearest settings that the side panel can show; the command line allows a little more."""
    near = {
        name: min(max(getattr(sampling, name), low), high)
        for name, (low, high) in LIMITS.items()
        if getattr(sampling, name) is not None  # the denoiser's own
    }
    return replace(sampling, **near)


# ------------------------------------------------------------------------------------------------ writing


def write_link(source: Source, settings: Settings, catalog: Catalog) -> tuple[dict[str, str], tuple[str, ...]]:
    """Parameters for what is on the screen, but for its view, and what had to be left out because it is too long."""
    params = _write_source(source, catalog)
    start = catalog.settings(source, None)
    if settings.aligner != start.aligner:
        # of a folder on this machine only the last part: a link tells no paths, and opening it says what is missing
        params["aligner"] = settings.aligner.replace("\\", "/").rstrip("/").rpartition("/")[2][:MAX_TEXT]
        start = catalog.settings(source, settings.aligner if settings.aligner in catalog.aligners else None)
    if settings.class_names != start.class_names:
        params["classes"] = ",".join(settings.class_names)
    if settings.template != start.template:
        params["template"] = settings.template
    for name, field in SAMPLING.items():
        value = getattr(settings.sampling, field)
        if value != getattr(start.sampling, field):
            params[name] = _number_text(value) if isinstance(value, float) else str(value)
    left_out = []
    for name, words in (("classes", "the class texts"), ("samples", "the samples")):
        if name in params and len(urlencode(params)) > MAX_LINK:
            del params[name]
            left_out.append(words)
    return params, tuple(left_out)


def _write_source(source: Source, catalog: Catalog) -> dict[str, str]:
    if source.kind in PRIVATE:
        return {"pictures": source.kind}
    if source.kind == SAMPLES:
        short = {key: name for name, key in catalog.samples.items()}
        return {"samples": ",".join(short.get(key, key) for key in source.names)}
    return {"example": source.names[0]} if source != _first(catalog) else {}


def _number_text(value: float) -> str:
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def write_view(view: PlayerState | None, journey: Journey) -> dict[str, str]:
    """Parameters for where the player stands: a link opens at the step that it was made at, the last one too."""
    if view is None:
        return {}
    params = {}
    if view.map and view.map != next(iter(journey.maps)):
        params["map"] = view.map
    params["step"] = str(view.step)
    if view.selection:
        params["selected"] = ",".join(map(str, view.selection[:MAX_LISTED]))
    return params | {name: "1" for name in SWITCHES if getattr(view, name)}


# ------------------------------------------------------------------------------------------------ reading


def read_link(params: Mapping[str, str], catalog: Catalog) -> Link | None:
    """The link that an address holds, checked; None when it holds nothing of ours."""
    known = {"pictures", EXAMPLE, SAMPLES, "aligner", "classes", "template", *SAMPLING, *VIEW}
    if not known & set(params):
        return None
    refused: list[str] = []
    source = _read_source(params, catalog, refused)
    settings = _read_settings(params, source, catalog, refused)
    as_stored = source.kind == EXAMPLE and settings == catalog.settings(source, None)
    return Link(source, settings, as_stored, {name: params[name] for name in VIEW if name in params}, tuple(refused))


def _first(catalog: Catalog) -> Source:
    """What greets a visitor."""
    return Source(EXAMPLE, (catalog.examples[0],)) if catalog.examples else Source(UPLOADS)


def _read_source(params: Mapping[str, str], catalog: Catalog, refused: list[str]) -> Source:
    if SAMPLES in params:
        named = params[SAMPLES].split(",")
        unknown = [name for name in named if name not in catalog.samples]
        refused += [f"sample {quoted(name)}" for name in unknown[:3]]
        refused += [f"{len(unknown) - 3} more samples"] if len(unknown) > 3 else []
        if keys := [key for name, key in catalog.samples.items() if name in named]:
            return Source(SAMPLES, tuple(keys[:MAX_LISTED]))
    elif EXAMPLE in params:
        if params[EXAMPLE] in catalog.examples:
            return Source(EXAMPLE, (params[EXAMPLE],))
        refused.append(f"example {quoted(params[EXAMPLE])}")
    elif "pictures" in params:
        if params["pictures"] in PRIVATE:
            return Source(params["pictures"])
        refused.append(f"pictures {quoted(params['pictures'])}")
    return _first(catalog)


def _read_settings(params: Mapping[str, str], source: Source, catalog: Catalog, refused: list[str]) -> Settings:
    aligner = params.get("aligner")
    if aligner is not None and aligner not in catalog.aligners:
        refused.append(f"aligner {quoted(aligner)}")
        aligner = None
    start = catalog.settings(source, aligner)
    class_names, template = start.class_names, start.template
    if "classes" in params:
        try:
            class_names = parse_class_texts(params["classes"]).names
        except SedaError as error:
            refused.append(f"class texts ({error.message.rstrip('.')})")
    if "template" in params:
        try:
            template = read_template(params["template"])
        except SedaError:
            refused.append(f"template {quoted(params['template'])}")
    return Settings(start.aligner, class_names, template, _read_sampling(params, start.sampling, refused))


def read_template(text: str) -> str:
    """A template as typed, on one line.

    Raises:
        ClassTextError: it does not hold {} exactly once.
    """
    template = " ".join(text.split())[:MAX_TEXT]
    fill_template(template, [])
    return template


def _read_sampling(params: Mapping[str, str], start: SamplingConfig, refused: list[str]) -> SamplingConfig:
    sampling = start
    for name, field in SAMPLING.items():
        if name not in params:
            continue
        try:
            value: Any = float(params[name]) if field == "guidance" else type(getattr(start, field))(params[name])
            low, high = LIMITS.get(field, (value, value))
            if not low <= value <= high:
                raise ValueError
            sampling = replace(sampling, **{field: value})
        except (SedaError, ValueError):
            refused.append(f"{name} {quoted(params[name])}")
    return sampling


def read_view(params: Mapping[str, str], journey: Journey) -> tuple[PlayerState | None, tuple[str, ...]]:
    """Where the player shall stand, or None to let it play, and what could not be used."""
    asked = [name for name in VIEW if name in params]
    first = 0 if asked == ["present"] else _last(journey)  # who presents begins at the beginning
    view, refused = PlayerState(step=first, map=next(iter(journey.maps))), []
    start = view
    if "map" in params:
        if params["map"] in journey.maps:
            view = replace(view, map=params["map"])
        else:
            refused.append(f"map {quoted(params['map'])}")
    if "step" in params:
        if (step := _index(params["step"], _last(journey) + 1)) is None:
            refused.append(f"step {quoted(params['step'])}")
        else:
            view = replace(view, step=step)
    if "selected" in params:
        found = [_index(text, len(journey.thumbnails)) for text in params["selected"].split(",")]
        view = replace(view, selection=tuple(sorted({item for item in found if item is not None})[:MAX_LISTED]))
        if None in found:
            refused.append(f"selected {quoted(params['selected'])}")
    for name in SWITCHES:
        if params.get(name, "0") in ("0", "1"):
            on: dict[str, Any] = {name: params.get(name) == "1"}
            view = replace(view, **on)
        else:
            refused.append(f"{name} {quoted(params[name])}")
    return (view if asked and not (refused and view == start) else None), tuple(refused)


def _last(journey: Journey) -> int:
    return journey.trajectory.states.shape[1] - 1


def _index(text: str, count: int) -> int | None:
    """A number below count, written in plain digits."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else count
    return number if number < count else None


def refusal(refused: Sequence[str]) -> str:
    """One sentence for the screen; empty when a link was used whole."""
    return (
        f"The link asks for what is not there; instead the default is shown: {', '.join(refused)}." if refused else ""
    )
