"""Where the files are that ship with the program: the dashboard's, and assets.

In a clone they lie beside the package, as app.py, pages/ and assets/. A wheel carries the same inside the package (setup.py), so that
they are found wherever it is installed, and nobody else's `assets` is taken for ours.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def shipped_home(package: Path = _PACKAGE) -> Path:
    """The folder with app.py, pages/ and assets/: inside the package where it was installed, else beside it.

    Args:
        package: the folder `seda`.
    """
    inside = package / "_shipped"
    return inside if inside.is_dir() else package.parent


HOME = shipped_home()
APP = HOME / "app.py"
ASSETS = HOME / "assets"
