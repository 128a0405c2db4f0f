"""SeDA Explorer: diffusive alignment of visual features with class texts, made visible.

The method is SeDA, "Semantic-Space-Intervened Diffusive Alignment for Visual Classification"
(IJCAI 2025, doi 10.24963/ijcai.2025/169). Importing this package imports nothing heavy.
"""

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# OpenMP reads this once, when torch is imported. By default its threads spin for milliseconds while they wait for each
# other, and take the cores from whoever else computes, such as a second run. Measured on two cores: two processes side by
# side took 4.9 s for products that take 1.1 s with short spinning; no spinning at all makes a lonely small run slow.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

if TYPE_CHECKING:
    from seda.api import compare, journey, load_aligner, open_journey, trace
    from seda.config import SamplingConfig
    from seda.journeys.journey import Journey

_PUBLIC = {  # what there is, and where; imported when it is asked for
    "Journey": "seda.journeys.journey",
    "SamplingConfig": "seda.config",
    "compare": "seda.api",
    "journey": "seda.api",
    "load_aligner": "seda.api",
    "open_journey": "seda.api",
    "trace": "seda.api",
}
__all__ = ["Journey", "SamplingConfig", "compare", "journey", "load_aligner", "open_journey", "trace"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'seda' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _notebook() -> Any:
    """IPython's shell where a notebook's kernel runs it, else None: a terminal shows text alone."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell if getattr(shell, "kernel", None) is not None else None


def _play_in_notebooks() -> None:
    """Have a journey play as the last line of a notebook's cell. By name: whoever makes no journey imports no player."""
    shell = _notebook()
    if shell is not None:
        shell.display_formatter.mimebundle_formatter.for_type_by_name(
            "seda.journeys.journey", "Journey", _journey_bundle
        )


def _journey_bundle(journey: Any, include: Any = None, exclude: Any = None) -> Any:
    from seda.player.notebook import journey_bundle

    return journey_bundle(journey, include, exclude)


_play_in_notebooks()
