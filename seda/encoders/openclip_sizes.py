"""How large open_clip's models are, without building them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

# Millions of parameters by model, counted with open_clip 3.3 on models that were built without memory (torch's meta device).
# Those whose text tower is described on the hub alone are missing.
PARAMETERS = Path(__file__).with_name("openclip_parameters.json")


@cache
def known_parameters() -> dict[str, float]:
    """Millions of parameters by open_clip's name of the model."""
    return json.loads(PARAMETERS.read_text(encoding="utf-8"))
