"""Libraries that only pictures and films need: imported when one is made, and named where they are missing."""

from __future__ import annotations

import importlib
from typing import Any

from seda.errors import ConfigError

_PACKAGES = {
    "py_mini_racer": "mini-racer",
    "skia": "skia-python",
    "imageio_ffmpeg": "imageio-ffmpeg",
    "fontTools": "fonttools",
}


def need(module: str) -> Any:
    """The module.

    Raises:
        ConfigError: it is not installed, or a library of the system that it needs is not.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = _PACKAGES.get(module.split(".")[0], module)
        if module == "skia" and "lib" in str(error):
            raise ConfigError(
                f"Pictures and films are drawn with {package}, which did not start ({error!s:.200}).",
                remedy="Debian and Ubuntu: apt-get install libegl1 libgl1.",
            ) from error
        raise ConfigError(
            f"Pictures and films need the package {package}, which is not installed here ({error!s:.200}).",
            remedy=f"pip install {package}, or pip install -r requirements.txt.",
        ) from error
