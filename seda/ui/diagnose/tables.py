"""Rows of the page's tables, with their items' thumbnails where there are some."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from seda.images import png_url
from seda.ui.diagnose.state import Diagnosed


def with_thumbnails(found: Diagnosed, items: Iterable[int], rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows of the JSON, each with its item's thumbnail in a column without a name; rows of a file of features have none.

    Args:
        items: places of the rows' items among the labelled ones.
        rows: as many.
    """
    if found.labelled is not None:
        return pd.DataFrame(list(rows))
    thumbnails = found.journey.thumbnails
    return pd.DataFrame(
        [{"": png_url(thumbnails[found.items[item]]), **row} for item, row in zip(items, rows, strict=True)]
    )
