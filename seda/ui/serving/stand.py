"""The stand: a page beside Streamlit's that plays by itself, and what it asks the server for.

    GET  /stand                       the page; what it plays, and how, is in its address (docs/stand.md)
    GET  /stand/worker.js             keeps the page and its journeys in the browser, for a network that is lost
    GET  /_seda/stand/list            examples by name, with title and words, and whether pictures are taken
    GET  /_seda/stand/journey/NAME    an example as the player's payload
    POST /_seda/stand/replay          a replay file, as the player's payload
    POST /_seda/stand/run?words=...   an item, on its way to words, as the player's payload

An item is in memory for as long as it travels, and nowhere afterwards. The page is no Streamlit page: a session of that ends with its
connection, and this one goes on for days, also without one.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from streamlit import get_option

from seda.card import DEFAULT_ALIGNER
from seda.class_texts import parse_class_texts
from seda.config import SamplingConfig
from seda.errors import LimitError, SedaError
from seda.images import NamedImage
from seda.player.payload import PAYLOAD_VERSION, encoded_payload
from seda.player.stand_page import stand_page, worker_script
from seda.ui import cache
from seda.ui.rooms.photo import NAME, picture_of
from seda.ui.serving.gate import address_of
from seda.ui.serving.line import RUNS
from seda.ui.serving.rate import Rate
from seda.ui.serving.refusals import log_refusal
from seda.ui.serving.rules import MAY_SHOW_STANDS, Limits, rules_for

if TYPE_CHECKING:
    from seda.diffusion.sampling import StepEvent

STEPS = 25  # a stage; chosen here: smooth to watch
OWN = "x-seda-stand"  # a header that no page of another site can send without being asked for
_FRESH = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_JSON = "application/json"
_rate = Rate()
# Requests whose body is held, each of which may wait in a thread: chosen here well below the 40 that the server has for all.
MOST_AT_ONCE = 12
_under_way: set[object] = set()


def stand_routes() -> list[Route]:
    """What the server has beside Streamlit's own, below the address that Streamlit is told to answer at."""
    below = get_option("server.baseUrlPath").strip("/")
    at = f"/{below}" if below else ""
    return [
        Route(f"{at}/stand", _page, methods=["GET"]),
        Route(f"{at}/stand/worker.js", _worker, methods=["GET"]),
        Route(f"{at}/_seda/stand/list", _list, methods=["GET"]),
        Route(f"{at}/_seda/stand/journey/{{name}}", _journey, methods=["GET"]),
        Route(f"{at}/_seda/stand/replay", _replay, methods=["POST"]),
        Route(f"{at}/_seda/stand/run", _run, methods=["POST"]),
    ]


async def _page(request: Request) -> Response:
    page, policy = stand_page()
    return Response(page, media_type="text/html", headers={**_FRESH, "content-security-policy": policy})


async def _worker(request: Request) -> Response:
    return Response(worker_script(), media_type="text/javascript", headers={**_FRESH, "service-worker-allowed": "/"})


async def _list(request: Request) -> Response:
    def found() -> dict[str, object]:
        examples = []
        for name in cache.example_names():
            journey = cache.example(name)
            words = journey.trajectory.class_names
            examples.append({"name": name, "title": journey.title, "note": journey.note, "words": list(words)})
        takes = rules_for(request.headers).allows(MAY_SHOW_STANDS)
        return {"version": PAYLOAD_VERSION, "examples": examples, "takes": takes}

    return JSONResponse(await run_in_threadpool(found), headers=_FRESH)


async def _journey(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in cache.example_names():
        return _refused(f"There is no example {name!r:.60}.", 404)
    content = await run_in_threadpool(lambda: encoded_payload(cache.example(name)))
    return Response(content, media_type=_JSON, headers=_FRESH)


async def _replay(request: Request) -> Response:
    return await _answered(request, lambda content, _: encoded_payload(cache.read_replay(content, "the replay")))


async def _run(request: Request) -> Response:
    words = request.query_params.get("words", "")
    return await _answered(request, lambda content, limits: _traced(content, words, limits))


async def _answered(request: Request, answer: Callable[[bytes, Limits | None], bytes]) -> Response:
    """What comes in the body, answered in a thread; what is wrong with it is said in a sentence."""
    rules = rules_for(request.headers)
    if not rules.allows(MAY_SHOW_STANDS) or request.headers.get(OWN) != "1":
        return _refused("Not open on this server: pictures of visitors on a stand.", 403)
    limits = rules.limits
    if len(_under_way) >= MOST_AT_ONCE:
        return _refused("Others' pictures are on their way. Try again in a moment.", 503)
    if limits is not None and not _rate.allows(address_of(request.scope), limits.uploads_per_minute):
        return _refused("Too many pictures within a minute. Try again soon.", 429)
    one = object()
    _under_way.add(one)
    try:
        return await _read_and_answered(request, answer, limits)
    except ClientDisconnect:
        return _refused("Nobody waits for it any more.", 400)
    finally:
        _under_way.discard(one)


async def _read_and_answered(
    request: Request, answer: Callable[[bytes, Limits | None], bytes], limits: Limits | None
) -> Response:
    most, content = get_option("server.maxUploadSize") * 2**20, bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > most:
            return _refused(f"The file is larger than {most // 2**20} MB.", 413)
    try:
        return Response(await run_in_threadpool(answer, bytes(content), limits), media_type=_JSON, headers=_FRESH)
    except SedaError as error:
        log_refusal("stand", error)
        # an answer: browsers would note a failure of the page's
        return _refused(f"{error.message} {error.remedy}".strip(), 200)
    except Exception:
        logging.getLogger(__name__).exception("a stand's request failed")
        return _refused("Something went wrong here; the server's log says what.", 500)


def _refused(why: str, status: int) -> JSONResponse:
    return JSONResponse({"error": why}, status, _FRESH)


def _traced(content: bytes, words: str, limits: Limits | None) -> bytes:
    """An item on its way to words, by the default aligner.

    Raises:
        SedaError: the item or the words cannot be used, or too much is asked for.
    """
    texts = parse_class_texts(words)
    if limits is not None and len(texts.names) * STEPS > limits.link_cells:
        raise LimitError(f"{len(texts.names)} words are more than a stand takes.", remedy="Take fewer words.")
    items = [NamedImage(NAME, picture_of(content))]
    started = time.monotonic()

    def on_step(event: StepEvent) -> None:
        if limits is not None and time.monotonic() - started > limits.run_seconds:
            raise LimitError("This took too long.", remedy="Try again in a minute.")

    with RUNS.turn(secrets.token_hex(8), lambda place: None), cache.computing():
        from seda.journeys.tracing import trace_images

        workbench = cache.workbench(DEFAULT_ALIGNER)
        journey = trace_images(
            items,
            texts.names,
            workbench,
            SamplingConfig(num_inference_steps=STEPS),
            title=NAME,
            on_step=on_step,
        )
    return encoded_payload(journey)
