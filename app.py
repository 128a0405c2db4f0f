"""SeDA Explorer: router and frame. Nothing is computed here."""

import streamlit as st

from seda.ui.theme import ICON, LOGO, apply_style

st.set_page_config(page_title="SeDA Explorer", page_icon=ICON, layout="wide", initial_sidebar_state=340)
st.logo(LOGO, size="large")
apply_style()
page = st.navigation(
    [
        st.Page("pages/trajectories.py", title="Trajectories", icon=":material/moving:", default=True),
        st.Page("pages/search.py", title="Search", icon=":material/image_search:"),
        st.Page("pages/train.py", title="Train", icon=":material/fitness_center:"),
        st.Page("pages/aligner.py", title="Aligner", icon=":material/model_training:"),
        st.Page("pages/method.py", title="Method", icon=":material/menu_book:"),
    ],
    position="top",
)
page.run()
