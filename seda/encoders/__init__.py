"""Encoders: images and texts to features, each behind the same small protocol.

Importing this module imports no model library; `load_encoder` does, when it is called.
"""
