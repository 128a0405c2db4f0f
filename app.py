"""SeDA Explorer. Nothing is computed here.

`streamlit run app.py` imports this file for its server, and runs it as a script for each visitor.
"""

from streamlit.starlette import App

from seda.ui.serving.server import middleware, routes

if __name__ == "__main__":
    from seda.ui.frame import show_frame

    show_frame()
else:
    app = App(__file__, middleware=middleware(), routes=routes())
