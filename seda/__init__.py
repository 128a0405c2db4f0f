"""SeDA Explorer: diffusive alignment of visual features with class texts, made visible.

The method is SeDA, "Semantic-Space-Intervened Diffusive Alignment for Visual Classification"
(IJCAI 2025, doi 10.24963/ijcai.2025/169). Importing this package imports nothing heavy.
"""

import os
import sys
from typing import Any

__version__ = "0.1.0"

# OpenMP reads this once, when torch is imported. By default its threads spin for milliseconds while they wait for each
# other, and take the cores from whoever else computes, such as a second run. Measured on two cores: two processes side by
# side took 4.9 s for products that take 1.1 s with short spinning; no spinning at all makes a lonely small run slow.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")


def _play_in_notebooks() -> None:
    """Have a journey play as the last line of a notebook's cell. By name: whoever makes no journey imports no player."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is not None and getattr(shell, "kernel", None) is not None:  # a terminal shows text alone
        shell.display_formatter.mimebundle_formatter.for_type_by_name(
            "seda.journeys.journey", "Journey", _journey_bundle
        )


def _journey_bundle(journey: Any, include: Any = None, exclude: Any = None) -> Any:
    from seda.player.notebook import journey_bundle

    return journey_bundle(journey, include, exclude)


_play_in_notebooks()
