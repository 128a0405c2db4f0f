"""Retrieval both ways against what it is defined as, and the truth that files tell."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from seda.aligner import load_aligner
from seda.config import SamplingConfig
from seda.encoders import load_encoder
from seda.errors import ClassTextError, DataError
from seda.evaluation.alignment import recall_at_k, recall_of_scores, unit
from seda.journeys.tracing import Workbench, content_seed
from seda.search import (
    SAMPLES,
    WAYS,
    SearchScores,
    clean_query,
    encode_gallery,
    item_query,
    read_labels,
    search_scores,
    word_list,
)
from seda.ui import cache
from tests.tiny import CLASSES


@pytest.fixture(scope="module")
def workbench(aligner_dir) -> Workbench:
    return Workbench(load_aligner(aligner_dir), load_encoder("bundled"), {})


@pytest.fixture(scope="module")
def gallery(workbench, pictures):
    paths = sorted(pictures.glob("*.png"))
    labels = [path.stem.rsplit(" ", 1)[0] for path in paths]
    found, failures = encode_gallery([(path.name, path) for path in paths], labels, workbench)
    assert failures == []
    return found


def test_scores_are_cosines_of_scaled_features_and_the_aligners_answer(workbench, gallery):
    scores = search_scores(gallery, CLASSES, workbench)
    aligner, texts = workbench.aligner.aligner, workbench.encoder.encode_texts(CLASSES)
    visual, words = aligner.image_scaler(gallery.features).numpy(), aligner.text_scaler(texts).numpy()
    np.testing.assert_allclose(scores.before, unit(visual) @ unit(words).T, atol=1e-5)
    answer = aligner.classify(gallery.features, texts, SamplingConfig(), item_seeds=gallery.seeds)
    np.testing.assert_allclose(np.exp(scores.after), answer.numpy(), atol=1e-5)


def test_a_column_ranks_images_and_a_row_ranks_words(workbench, gallery):
    scores = search_scores(gallery, CLASSES, workbench)
    for word, name in enumerate(CLASSES):
        before, after = scores.items_for(word)
        assert {gallery.labels[hit.index] for hit in after[:2]} == {name}
        assert [hit.score for hit in after] == sorted(np.exp(scores.after[:, word]).tolist(), reverse=True)
        assert [hit.score for hit in before] == sorted(scores.before[:, word].tolist(), reverse=True)
    for image, label in enumerate(gallery.labels):
        assert CLASSES[scores.words_for(image, 1)[1][0].index] == label
    recall = scores.recall(gallery.labels)
    assert tuple(recall) == WAYS
    assert all(figures.after[1] == 1 for figures in recall.values())


def test_the_order_of_images_does_not_change_their_scores(workbench, gallery):
    order = [4, 1, 0, 5, 3, 2]
    straight, mixed = search_scores(gallery, CLASSES, workbench), search_scores(gallery.take(order), CLASSES, workbench)
    np.testing.assert_allclose(mixed.after, straight.after[order], atol=1e-4)
    np.testing.assert_allclose(mixed.before, straight.before[order], atol=1e-5)


def test_recall_is_that_of_a_naive_count_and_chance_that_of_shuffled_labels():
    rng = np.random.default_rng(0)
    words = tuple(f"w{number}" for number in range(7))
    labels = [words[label] for label in rng.integers(0, 5, 40)] + ["", "not a word"]
    scores = SearchScores(words, rng.normal(size=(42, 7)), rng.normal(size=(42, 7)))
    found = scores.recall(labels)
    asked = sorted(set(labels) & set(words))
    for k in (1, 5):
        first = {word: np.argsort(-scores.after[:, words.index(word)])[:k] for word in asked}
        naive = np.mean([any(labels[image] == word for image in first[word]) for word in asked])
        assert found["text_to_image"].after[k] == pytest.approx(naive)
        rows = [row for row in range(42) if labels[row] in words]
        hits = [words.index(labels[row]) in np.argsort(-scores.before[row])[:k] for row in rows]
        assert found["image_to_text"].before[k] == pytest.approx(np.mean(hits))
        assert found["image_to_text"].chance[k] == pytest.approx(k / 7)
    assert found["text_to_image"].queries == len(asked) and found["text_to_image"].entries == 42
    drawn = []
    for _ in range(400):
        shuffled = SearchScores(words, rng.normal(size=(42, 7)), scores.after)
        drawn.append(shuffled.recall(labels)["text_to_image"].before[5])
    assert found["text_to_image"].chance[5] == pytest.approx(np.mean(drawn), abs=0.03)


def test_recall_of_scores_is_recall_at_k_of_cosines():
    rng = np.random.default_rng(1)
    queries, entries = rng.normal(size=(9, 4)), rng.normal(size=(20, 4))
    labels, own = rng.integers(0, 3, 20), rng.integers(0, 3, 9)
    for k in (1, 5, 50):
        scores = unit(queries) @ unit(entries).T
        assert recall_of_scores(scores, own, labels, k) == recall_at_k(queries, entries, own, labels, k)


def test_no_recall_without_truth():
    scores = SearchScores(("a", "b"), np.zeros((3, 2)), np.zeros((3, 2)))
    assert scores.recall(["", "", ""]) == {}
    assert scores.recall(["a", "a", "elsewhere"]) == {}


def test_a_bad_file_does_not_stop_the_others(workbench, pictures, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_text("text")
    good = sorted(pictures.glob("*.png"))[:2]
    seen: list[tuple[int, int]] = []
    found, failures = encode_gallery(
        [("bad", bad), ("one", good[0]), ("two", good[1])], ["x", "y", ""], workbench, lambda *done: seen.append(done)
    )
    assert found.names == ("one", "two") and found.labels == ("y", "") and found.known_labels == ("y",)
    assert [failure.name for failure in failures] == ["bad"] and seen == [(3, 3)]
    assert found.features.shape == (2, workbench.encoder.image_dim) and len(found.seeds) == 2
    nothing, _ = encode_gallery([("bad", bad)], [""], workbench)
    assert nothing.names == () and len(nothing.features) == 0


def test_seeds_are_of_the_pixels(gallery, pictures):
    from seda.images import NamedImage, read_image

    path = sorted(pictures.glob("*.png"))[3]
    assert gallery.seeds[3] == content_seed(NamedImage("another name", read_image(path, "x")))


def test_labels_from_samples_json_and_from_sub_folders(tmp_path):
    for name in ("red_shoe/1.png", "red_shoe/old/2.png", "listed/3.png", "listed/4.png", "5.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    listing = [{"file": "3.png", "label": "boot"}, {"file": 7}, "no entry", {"file": "4.png", "label": None}]
    (tmp_path / "listed" / "samples.json").write_text(json.dumps(listing))
    names = ("red_shoe/1.png", "red_shoe/old/2.png", "listed/3.png", "listed/4.png", "5.png")
    labels = read_labels(tmp_path, [tmp_path / name for name in names])
    assert labels == ["red shoe", "red shoe", "boot", "listed", ""]
    for content in ("{", "{}", "[[]]"):
        (tmp_path / "listed" / "samples.json").write_text(content)
        assert read_labels(tmp_path, [tmp_path / "listed" / "3.png"]) == ["listed"]
    assert read_labels(tmp_path / "5.png", [tmp_path / "5.png"]) == [""]


def test_queries(tmp_path):
    assert clean_query("  a\u200b red\n boot ") == "a red boot"
    assert clean_query("👗") == "👗"
    for nothing in ("", "  ", "\u200b"):
        with pytest.raises(ClassTextError, match="Nothing was typed"):
            clean_query(nothing)
    with pytest.raises(ClassTextError, match="300 characters"):
        clean_query("x" * 300)
    assert word_list(["Boot"], ["boot ", "bag"], ["BAG", "cap"]) == ("Boot", "bag", "cap")
    picture = tmp_path / "boot.png"
    picture.touch()
    assert item_query(str(picture)) == picture
    assert item_query("boot") is None and item_query(str(tmp_path)) is None
    for missing in (tmp_path / "none.jpg", Path("x" * 5000 + ".png")):
        with pytest.raises(DataError, match=r"does not exist|cannot be looked at"):
            item_query(str(missing))


def test_a_thousand_categories_and_a_query_are_no_problem(workbench, gallery):
    words = word_list(["red square"], [f"thing {number}" for number in range(1000)], gallery.known_labels)
    scores = search_scores(gallery, words, workbench)
    assert scores.after.shape == (6, 1003) and np.isfinite(scores.after).all()
    assert torch.from_numpy(scores.after).exp().sum(1).allclose(torch.ones(6), atol=1e-3)


def test_the_shipped_samples_are_many_and_say_where_they_come_from():
    """At least 40 of many kinds, all of them in the app, each with label, source and licence."""
    found = cache.samples()
    folders = [path for path in SAMPLES.iterdir() if path.is_dir()]
    listed = {f"{folder.name}/{entry['file']}": entry for folder in folders for entry in _listing(folder)}
    assert {sample.key for sample in found} == set(listed)
    assert len(found) >= 40 and len({folder.name for folder in folders}) >= 3
    on_disk = {f"{path.parent.name}/{path.name}" for path in SAMPLES.glob("*/*") if path.suffix != ".json"}
    assert on_disk == set(listed)
    for key, entry in listed.items():
        assert entry["label"] and entry["source"] and entry["name"], key
        assert "licence" in entry or "licence" in entry["source"], key
    new = [path for name in ("photos", "emoji") for path in (SAMPLES / name).iterdir()]
    assert sum(path.stat().st_size for path in new) < 1_500_000
    assert sum(sample.key.startswith("photos/") for sample in found) >= 15


def _listing(folder: Path) -> list[dict[str, str]]:
    return json.loads((folder / "samples.json").read_text(encoding="utf-8"))
