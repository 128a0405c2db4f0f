"""Features of lists of texts are kept, within bounds, and are the caller's own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import torch

from seda.encoders.kept_texts import KeptTexts


def _counting(most: int = 10**6) -> tuple[KeptTexts, list[tuple[str, ...]]]:
    asked: list[tuple[str, ...]] = []

    def encode(texts):
        asked.append(tuple(texts))
        return torch.full((len(texts), 4), float(len(asked)))

    return KeptTexts(encode, most), asked


def test_a_list_is_encoded_once():
    kept, asked = _counting()
    first = kept(["a cat", "a dog"])
    assert torch.equal(kept(("a cat", "a dog")), first) and asked == [("a cat", "a dog")]
    kept(["a dog", "a cat"]), kept(["a cat"])  # other lists, whatever they share
    assert len(asked) == 3


def test_what_a_caller_does_to_its_features_stays_there():
    kept, _ = _counting()
    kept(["a"]).zero_()
    kept(["a"]).zero_()
    assert kept(["a"]).tolist() == [[1.0] * 4]


def test_the_list_that_nobody_asked_for_the_longest_makes_room():
    kept, asked = _counting(most=2 * 20)  # 16 bytes of features and 4 of text each
    kept(["a"]), kept(["b"]), kept(["a"]), kept(["c"])
    assert kept.held_bytes == 40
    kept(["a"])
    assert asked == [("a",), ("b",), ("c",)]
    kept(["b"])
    assert asked[-1] == ("b",) and kept.held_bytes == 40


def test_a_list_that_is_too_large_is_not_kept():
    kept, asked = _counting(most=30)
    kept(["a"]), kept(["b", "c"]), kept(["b", "c"]), kept(["a"])
    assert asked == [("a",), ("b", "c"), ("b", "c")] and kept.held_bytes == 20


def test_many_at_once():
    kept, _ = _counting(most=100)
    lists = [[chr(97 + number % 7)] for number in range(400)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(kept, lists))
    assert all(one.shape == (1, 4) for one in found) and kept.held_bytes <= 100
    assert kept.held_bytes == 20 * len(kept._kept)
