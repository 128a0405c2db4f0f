"""Plotly builders: arrays in, Figure out; no streamlit, no torch.

The builders are found on first use, so that the palette alone (player, exports) does not import plotly.
"""

from __future__ import annotations

from typing import Any

__all__ = ["accuracy_along_path", "steps_of_translator", "training_curves"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from seda.figures import charts

        return getattr(charts, name)
    raise AttributeError(f"module 'seda.figures' has no attribute {name!r}")
