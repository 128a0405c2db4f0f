"""What would mend it: other wordings and settings on the labelled items, half of them choosing, half judging."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from seda.ui.diagnose.state import Diagnosed, DiagnoseState, Question
from seda.ui.errors import plain, show_notes
from seda.ui.state import begin_widget


def show_sweep(own: DiagnoseState, found: Diagnosed) -> None:
    """What is to be tried, and what came of it."""
    from seda.journeys.sweeping import KINDS

    with st.container(horizontal=True, vertical_alignment="bottom"):
        own.kinds = tuple(
            st.pills(
                "Try other", list(KINDS), selection_mode="multi", key=begin_widget("diagnose.kinds", list(own.kinds)),
                format_func=str.capitalize, help="; ".join(f"{name}: {about}" for name, about in KINDS.items()) + ".",
            )
        )  # fmt: skip
        if st.button(
            "Try them", icon=":material/science:", type="primary", key="diagnose.sweep", disabled=not own.kinds or own.pending is not None
        ):  # fmt: skip
            own.pending = Question(kinds=own.kinds)
            st.rerun()
    if own.swept is None or own.swept[0].of is not found.of:
        st.caption(
            "Each is tried on all labelled pictures, one thing changed at a time. Half of them choose what is best, the other half say what "
            "that is worth: what is chosen on pictures looks better on them than it is."
        )
        return
    told = own.swept[1]
    show_notes(told["notes"])
    for sentence in told["sentences"]:
        st.markdown(plain(sentence))
    st.dataframe(
        pd.DataFrame([_row(row) for row in (told["base"], *told["rows"])]), hide_index=True, key="diagnose.sweep.rows",
        column_config={
            name: st.column_config.NumberColumn(name, format="percent") for name in ("Choosing half", "Judging half", "All", "Ends right")
        },
    )  # fmt: skip


def _row(row: dict[str, Any]) -> dict[str, Any]:
    answer, end = row["answer"], row["end"]
    return {
        "What": row["name"],
        "Kind": row["kind"],
        "Choosing half": answer["chosen_on"],
        "Judging half": answer["judged_on"],
        "Change there": f"{100 * answer['judged_difference']:+.1f} ({100 * answer['low']:+.1f} to {100 * answer['high']:+.1f})",
        "All": answer["all"],
        "Ends right": None if end is None else end["all"],
    }
