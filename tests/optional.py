"""Packages that only some tests need: missing, they are a visible skip at home and a failure in CI."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest


def need(*packages: str, file: str = "requirements-dev.txt") -> None:
    """Skip, or in CI fail, what needs packages of a requirement file that are not installed."""
    if missing := [name for name in packages if find_spec(name) is None]:
        reason = f"{', '.join(missing)} not installed ({file})"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
