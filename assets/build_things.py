"""Make assets/features/things.safetensors again: `python assets/build_things.py`, some minutes on two cores.

Needs Debian's tuxpaint-stamps-default and gcompris-qt-data, and requirements-sound.txt. What was measured beside it is made by
`python -m seda consistency --things --json > assets/benchmark/consistency.json`.
"""

from __future__ import annotations

import sys

from seda.aligner import load_aligner
from seda.data.thing_features import SHIPPED, encode_things, known_words
from seda.data.things import read_things
from seda.encoders import load_encoder
from seda.encoders.base import has_head
from seda.encoders.sounds import load_sound_encoder


def main() -> None:
    """Encode and write."""
    encoder = load_encoder("multilingual")
    assert has_head(encoder), "Its image model came with a classifier."
    known = known_words(load_aligner("open-vocabulary", check_maps=False), encoder)
    made = encode_things(
        read_things(), encoder, load_sound_encoder(), known,
        lambda what, done, total: print(f"{what} {done}/{total}", file=sys.stderr),
    )  # fmt: skip
    print(made.save(SHIPPED, half=True))


if __name__ == "__main__":
    main()
