"""Models are loaded before anybody asks for them: once a process, after the first page was drawn, beside what visitors do.

Only a server does so (`allow`): a page that is run without one, as tests run them, begins no thread.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator

from seda.card import DEFAULT_ALIGNER
from seda.errors import SedaError
from seda.ui.serving.line import RUNS

DELAY = 1.5  # seconds; chosen here: the browser draws the first page meanwhile
NICENESS = 5  # of 19; chosen here: a quarter of a core that somebody else wants, too
PAUSE = 0.2  # seconds between two looks whether a run is still under way
SIZE, STEPS = (48, 32), 2  # of the picture that is traced, px, and its steps: enough to import and read everything

logger = logging.getLogger(__name__)


class WarmUp:
    """Loads once, in the background, a part at a time: who presses Run meanwhile waits for the part that is under way, and does the others
    itself without standing back.

    Args:
        load: begins, and gives way after each part.
        is_needed: whether somebody else is loading the same, or computing.
        delay: seconds between the first page and its beginning.
    """

    def __init__(
        self, load: Callable[[], Iterable[object]], is_needed: Callable[[], bool], delay: float = DELAY
    ) -> None:
        self._load, self._is_needed, self._delay = load, is_needed, delay
        self._guard, self._ended = threading.Lock(), threading.Event()
        self._allowed, self._is_ready = False, False
        self._thread: threading.Thread | None = None

    def allow(self) -> None:
        """Said by a server, before its first page."""
        self._allowed = True

    def begin(self) -> None:
        """Said after each page; the first time it begins, where that is allowed."""
        with self._guard:
            if not self._allowed or self._thread is not None:
                return
            self._thread = threading.Thread(target=self._run, name="seda-warm-up", daemon=True)
        self._thread.start()

    @property
    def is_coming(self) -> bool:
        """Whether it will be ready, and is not yet."""
        return self._allowed and not self._ended.is_set()

    @property
    def is_ready(self) -> bool:
        """Whether all is loaded; never where it failed, which is said to who presses Run."""
        return self._is_ready

    def wait(self, seconds: float) -> bool:
        """Until it has ended, at most so long; whether it has."""
        return self._ended.wait(seconds)

    def _run(self) -> None:
        pause = threading.Event().wait
        pause(self._delay)
        step_back()
        try:
            for _ in self._load():
                while self._is_needed():
                    pause(PAUSE)
            self._is_ready = True
        except SedaError as error:  # such as weights that were removed: whoever presses Run is told
            logger.info("The models were not loaded beforehand: %s", error.message)
        except Exception:
            logger.exception("The models were not loaded beforehand.")
        finally:
            self._ended.set()


def step_back() -> None:
    """Let other threads go first, where the system knows priorities of threads (Linux); those that this one begins do as well.

    So scipy is imported before: its threads for linear algebra are begun by its import, and serve everybody afterwards.
    """
    if sys.platform == "linux":
        from seda.ui import cache

        with cache.importing:
            import scipy.linalg  # noqa: F401

        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def load_models() -> Iterator[str]:
    """What a first run would wait for: libraries, models, and what is computed once, by tracing a picture of nothing.

    Yields:
        what each part was.
    """
    from PIL import Image

    from seda.config import SamplingConfig
    from seda.images import NamedImage
    from seda.player.payload import player_payload
    from seda.ui import cache

    cache.device()
    yield "torch"
    with cache.computing():
        cache.bare_workbench(DEFAULT_ALIGNER)
    yield "aligner and maps"
    with cache.computing():
        workbench = cache.workbench(DEFAULT_ALIGNER)
        words = workbench.aligner.card.first_classes[:2]
        workbench.encode_class_texts(words, workbench.aligner.card.template)
    yield "texts"
    nothing = NamedImage("nothing", Image.new("RGB", SIZE, "gray"))
    with cache.computing():
        workbench.encoder.encode_images([nothing.image])
    yield "pictures"
    with cache.computing():
        from seda.journeys.tracing import trace_images

        player_payload(trace_images([nothing], words, workbench, SamplingConfig(num_inference_steps=STEPS)))
    yield "journeys"


WARM_UP = WarmUp(load_models, lambda: RUNS.counts[0] > 0)
