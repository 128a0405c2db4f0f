"""The screen: the only part that imports streamlit. Nothing here imports torch before the first run."""
