"""Diagnoses of toy paths and of a tiny aligner's: their JSON against what the arrays say, in batches and at once."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from seda.aligner import load_aligner
from seda.config import SamplingConfig
from seda.encoders import load_encoder
from seda.errors import ShapeError, Stopped
from seda.evaluation.densities import kernel_density
from seda.evaluation.diagnosis import PLACES, UNKNOWN
from seda.evaluation.gap import gap_at
from seda.evaluation.trajectories import AT, RIGHT, UNDECIDED, WRONG
from seda.journeys import diagnosing, diagnosis
from seda.journeys.diagnosing import ask_aligner, diagnose
from seda.journeys.diagnosis import (
    COMPARED_ITEMS,
    COMPARED_STATES,
    diagnose_trajectory,
    diagnosis_of,
    looked_at,
    seen_on,
    states_compared,
)
from tests.diagnosed import EDGES, toy_diagnosis, with_weights
from tests.tiny import CLASSES, picture

SAMPLING = SamplingConfig(num_inference_steps=4)
RNG = np.random.default_rng(0)


def alike(one: Any, other: Any, where: str = "") -> None:
    """JSON values that are the same but for rounding: four decimals may be rounded either way, and a density is as steep as its kernel is narrow."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for name, value in one.items():
            if name == "density":
                for place, ridge in value.items():
                    assert other[name][place] == pytest.approx(ridge, abs=1e-4 + 2e-3 * max(ridge)), (
                        f"{where}.{name}.{place}"
                    )
            else:
                alike(value, other[name], f"{where}.{name}")
    elif isinstance(one, list):
        assert len(one) == len(other), where
        for place, pair in enumerate(zip(one, other, strict=True)):
            alike(*pair, f"{where}[{place}]")
    elif isinstance(one, float):
        assert other == pytest.approx(one, abs=1.1e-4, rel=1e-4), where
    else:
        assert one == other, where


@pytest.mark.parametrize("edge", EDGES)
def test_the_json_is_json_whatever_came(edge):
    toy = toy_diagnosis(edge)
    summary = toy.summary
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert summary["count"] == len(summary["items"]) == len(toy.labels)
    alike(toy.diagnosis.to_dict(toy.names, toy.trajectory.class_names), summary)


def test_shares_margins_and_standings_are_those_of_the_states():
    toy = toy_diagnosis()
    when, cosines = toy.summary["when"], toy.trajectory.class_similarities()
    n, s, _ = cosines.shape
    for item, state in np.ndindex(n, s):
        second, first = np.sort(cosines[item, state])[-2:]
        right = cosines[item, state].argmax() == toy.labels[item]
        assert when["standing"][item][state] == ("u" if first - second < 0.05 else "r" if right else "w")
    for name in ("right", "wrong", "undecided"):
        assert when[name] == pytest.approx(
            [np.mean([row[state] == name[0] for row in when["standing"]]) for state in range(s)], abs=1e-6
        )
    assert np.allclose(np.sum([when[name] for name in ("right", "wrong", "undecided")], axis=0), 1, atol=3e-6)
    others = np.array([np.delete(cosines[item], label, axis=1).max(1) for item, label in enumerate(toy.labels)])
    own = cosines[np.arange(n), :, toy.labels]
    assert when["margin"] == pytest.approx((own - others).mean(0), abs=1e-5)
    assert when["hand_over"] == toy.trajectory.hand_over and set(when["entropy"]) == {None}
    for row in toy.summary["items"]:
        item = toy.names.index(row["file"])
        assert row["margin_at_end"] == pytest.approx((own - others)[item, -1], abs=1e-5)
        assert row["margin_at_hand_over"] == pytest.approx((own - others)[item, when["hand_over"]], abs=1e-5)


def test_items_counts_and_confusions_say_the_same():
    toy = toy_diagnosis("asked")
    summary, names = toy.summary, toy.trajectory.class_names
    rows, answers = summary["items"], toy.trajectory.class_probabilities.argmax(1)
    assert [row["answer"] for row in rows] == [names[answer] for answer in answers]
    assert [row["right"] for row in rows] == (answers == toy.labels).tolist()
    assert [row["probability"] for row in rows] == pytest.approx(toy.trajectory.class_probabilities.max(1), abs=1e-6)
    for of, column in (("answer", "lost_by"), ("end", "path_lost_by")):
        assert {name: [row[column] for row in rows].count(name) for name in summary["lost_by"][of]} == summary[
            "lost_by"
        ][of]
    for place in PLACES:
        counts = np.array(summary["confusions"][place])
        assert counts.sum() == len(rows) and counts[:, -1].sum() == len(rows) - summary["known"][place]
        assert np.trace(counts) / summary["known"][place] == pytest.approx(summary["accuracy"][place], abs=1e-6)
        for truth, told in np.ndindex(counts.shape):
            word = [*names, ""][told]
            assert counts[truth, told] == sum(row["truth"] == names[truth] and row[place] == word for row in rows)
    for pair in summary["pairs"]:
        truth, told = names.index(pair["truth"]), names.index(pair["answer"])
        assert summary["confusions"]["answer"][truth][told] == pair["count"]
        a, b = toy.trajectory.class_text_features[[truth, told]]
        assert pair["text_cosine"] == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b), abs=1e-5)
    ends = toy.asked.ends != toy.trajectory.class_similarities()[:, -1].argmax(1)
    assert [row["seeds_apart"] for row in rows] == pytest.approx(ends.mean(0), abs=1e-6)


def test_the_most_troubled_come_first():
    toy = toy_diagnosis()
    when, rows = toy.summary["when"], toy.summary["items"]
    trouble = [
        (
            rows[item]["right"],
            rows[item]["end"] == rows[item]["truth"],
            -sum(letter != "r" for letter in when["standing"][item]),
        )
        for item in when["order"]
    ]
    assert trouble == sorted(trouble) and sorted(when["order"]) == list(range(len(rows)))


def test_the_order_of_items_changes_nothing_but_theirs():
    toy = toy_diagnosis()
    order = RNG.permutation(len(toy.labels))
    again = diagnose_trajectory(toy.trajectory.take(order), toy.labels[order])
    there, here = toy.summary, again.to_dict([toy.names[item] for item in order], toy.trajectory.class_names)
    alike([there["items"][item] for item in order], here.pop("items"))
    assert [there["when"]["standing"][item] for item in order] == here["when"].pop("standing")
    assert [order[item] for item in here["when"].pop("order")] == there["when"].pop("order")
    del there["items"], there["when"]["standing"]
    before, now = there.pop("similarities"), here.pop("similarities")
    assert [before["truth"][item] for item in order] == now["truth"] and before["states"] == now["states"]
    alike([[rows[item] for item in order] for rows in before["cosines"]], now["cosines"])
    alike(there, here)


def test_the_gap_is_that_of_its_states():
    toy = toy_diagnosis("asked")
    gap = toy.summary["gap"]
    for place, state in enumerate(gap["states"]):
        alone = gap_at(
            toy.trajectory.states[:, state], toy.labels, toy.trajectory.class_text_features, toy.asked.phrasings
        )
        for name, value in alone.items():
            assert gap[name][place] == pytest.approx(value, abs=1e-5), name
    assert gap["items"] == len(toy.labels) and gap["states"][-1] == toy.trajectory.states.shape[1] - 1
    nearest = toy.trajectory.class_similarities().argmax(-1) == toy.labels[:, None]
    assert gap["accuracy"] == pytest.approx(nearest.mean(0)[gap["states"]], abs=1e-6)


def test_classes_apart_are_quantiles_of_their_items():
    toy = toy_diagnosis()
    cosines, found = toy.trajectory.class_similarities(), toy.summary["classes_apart"]
    assert [one["class"] for one in found] == [toy.trajectory.class_names[label] for label in np.unique(toy.labels)]
    for one in found:
        label = toy.trajectory.class_names.index(one["class"])
        for place, state in (("start", 0), ("hand_over", toy.trajectory.hand_over), ("end", -1)):
            own = cosines[toy.labels == label, state, label]
            assert one["count"] == len(own)
            assert one[place] == pytest.approx(np.quantile(own, (0.05, 0.25, 0.5, 0.75, 0.95)), abs=1e-5)
            density = kernel_density(own, np.array(toy.summary["density_at"]), least=diagnosis.LEAST_WIDTH)
            assert one["density"][place] == pytest.approx(density, rel=1e-3, abs=1e-3)


def test_similarities_are_those_of_the_paths_at_every_step_that_there_is_room_for(monkeypatch):
    toy = toy_diagnosis()
    cosines, found = toy.trajectory.class_similarities(), toy.summary["similarities"]
    assert found["states"] == list(range(cosines.shape[1])) and found["truth"] == toy.labels.tolist()
    np.testing.assert_allclose(found["cosines"], cosines.transpose(1, 0, 2), atol=1e-4)
    monkeypatch.setattr(diagnosis, "MOST_COSINES", 5 * 14 * 4)
    found = diagnose_trajectory(toy.trajectory, toy.labels).to_dict(toy.names, toy.trajectory.class_names)[
        "similarities"
    ]
    assert 5 <= len(found["states"]) <= 6 and {0, toy.trajectory.hand_over, cosines.shape[1] - 1} <= set(
        found["states"]
    )
    np.testing.assert_allclose(found["cosines"], cosines[:, found["states"]].transpose(1, 0, 2), atol=1e-4)


def test_how_sure_is_that_of_the_answers():
    toy = toy_diagnosis("asked", items=30)
    sure, right = toy.summary["sure"], np.array([row["right"] for row in toy.summary["items"]])
    assert sum(one["count"] for one in sure["bins"]) == 30
    error = sum(one["count"] / 30 * abs(one["accuracy"] - one["confidence"]) for one in sure["bins"])
    assert sure["ece"] == pytest.approx(error, abs=1e-5)
    assert sure["coverage"][-1] == 1 and sure["risk"][-1] == pytest.approx(1 - right.mean(), abs=1e-6)
    none, fits = sure["none_of_these"], toy.asked.fits
    wins = [(without < within) + 0.5 * (without == within) for within in fits[:, 0] for without in fits[:, 1]]
    assert none["auroc"] == pytest.approx(np.mean(wins), abs=1e-6)
    assert np.trapezoid(none["found"], none["false_alarms"]) == pytest.approx(none["auroc"], abs=1e-5)
    assert none["at_zero"] == pytest.approx(
        {"false_alarms": (fits[:, 0] < 0).mean(), "found": (fits[:, 1] < 0).mean()}, abs=1e-6
    )


def test_signs_of_a_mistake_are_judged_by_pairs_of_a_wrong_and_a_right_answer():
    toy = toy_diagnosis("asked", items=30)
    path, right = toy.trajectory, toy.trajectory.class_probabilities.argmax(1) == toy.labels
    nearest, states = path.class_similarities().argmax(-1), path.states.astype(float)
    probabilities = path.class_probabilities.astype(float)
    walked = [sum(np.linalg.norm(b - a) for a, b in itertools.pairwise(one)) for one in states]
    doubts = {
        "confidence": -probabilities.max(1),
        "entropy": [-sum(p * np.log(p) for p in row if p > 1e-12) for row in probabilities],
        "path_length": walked / np.linalg.norm(states[:, -1] - states[:, 0], axis=1),
        "changes": [sum(a != b for a, b in itertools.pairwise(one)) for one in nearest],
        "committed_at": [next(at for at in range(len(one)) if (one[at:] == one[-1]).all()) for one in nearest],
        "seeds_apart": [(toy.asked.ends[:, item] != nearest[item, -1]).mean() for item in range(30)],
    }
    found = toy.summary["sure"]["errors_found_by"]
    assert set(found) == set(doubts)
    for name, doubt in doubts.items():
        pairs = [
            (doubt[a] > doubt[b]) + 0.5 * (doubt[a] == doubt[b])
            for a in np.flatnonzero(~right)
            for b in np.flatnonzero(right)
        ]
        assert found[name] == pytest.approx(np.mean(pairs), abs=0.01), name


@pytest.mark.parametrize("edge", ["all right", "all wrong"])
def test_where_all_are_alike_no_sign_is_judged(edge):
    summary = toy_diagnosis(edge).summary
    assert set(summary["sure"]["errors_found_by"].values()) == {None}
    assert set(summary["sure"]["risk"]) == ({0.0} if edge == "all right" else {1.0})
    assert (not summary["pairs"]) == (edge == "all right")


def test_paths_that_never_land_end_nowhere():
    toy = toy_diagnosis("never lands")
    assert (toy.trajectory.class_similarities()[:, -1].max(-1) < AT).all()
    summary = toy.summary
    assert "end" not in summary["accuracy"] and summary["known"]["end"] == 0
    assert {row["end"] for row in summary["items"]} == {""} and (toy.diagnosis.verdicts.end == UNKNOWN).all()
    assert sum(summary["lost_by"]["end"].values()) == len(toy.labels)


def test_entropies_are_means_over_items_and_none_where_they_are_not_known():
    toy = toy_diagnosis()
    path = with_weights(toy.trajectory)
    entropy = diagnose_trajectory(path, toy.labels).to_dict(toy.names, path.class_names)["when"]["entropy"]
    for state, told in enumerate(entropy):
        weights = (path.center_weights if path.stages[state] == 1 else path.text_weights)[:, state].astype(float)
        if not weights.any():
            assert told is None
            continue
        weights /= weights.sum(1, keepdims=True)
        parts = [-sum(one * np.log2(one) for one in row if one > 0) for row in weights]
        assert told == pytest.approx(np.mean(parts), abs=0.01)
    assert [state for state, told in enumerate(entropy) if told is None] == [0, path.hand_over, len(entropy) - 1]


def test_a_mean_entropy_is_not_that_of_one_batch():
    toy = toy_diagnosis()
    with_, without, half = with_weights(toy.trajectory), toy.trajectory, np.arange(7)
    parts = [
        seen_on(path.take(items), toy.labels[items], np.arange(7))
        for path, items in ((without, half), (with_, half + 7))
    ]
    found = diagnosis_of(toy.trajectory.image_features, toy.labels, parts)
    assert set(found.to_dict(toy.names, with_.class_names)["when"]["entropy"]) == {None}


def test_an_open_vocabulary_tells_no_entropy_of_candidates_that_were_not_kept():
    toy = toy_diagnosis()
    path = with_weights(toy.trajectory)
    path = replace(path, settings=path.settings.model_copy(update={"vocabulary": "open"}))
    entropies = diagnose_trajectory(path, toy.labels).seen.entropies
    assert np.isnan(entropies[:, path.stages == 1]).all() and np.isfinite(entropies[:, path.hand_over + 1 : -1]).all()


def test_of_many_items_the_single_steps_are_left_out(monkeypatch):
    toy = toy_diagnosis()
    monkeypatch.setattr(diagnosis, "MOST_LISTED", len(toy.labels) - 1)
    summary = toy.summary
    assert summary["items"] == summary["when"]["order"] == summary["when"]["standing"] == []
    monkeypatch.setattr(diagnosis, "MOST_LISTED", len(toy.labels))
    for name in ("right", "wrong", "undecided", "margin"):
        assert toy.summary["when"][name] == summary["when"][name]
    assert len(toy.summary["items"]) == len(toy.labels)


def test_what_is_compared_is_evenly_thinned():
    assert looked_at(COMPARED_ITEMS).tolist() == list(range(COMPARED_ITEMS)) and looked_at(0).tolist() == []
    many = looked_at(12_345)
    assert len(many) == COMPARED_ITEMS and many[0] == 0 and many[-1] == 12_344 and np.ptp(np.diff(many)) <= 1
    for count, turn in ((103, 51), (103, 50), (7, 3), (2, 1)):
        states = states_compared(count, turn)
        assert turn in states and 0 in states and count - 1 in states and len(states) <= min(count, COMPARED_STATES) + 1
        assert (np.diff(states) > 0).all()
    assert {RIGHT, WRONG, UNDECIDED} == set(diagnosis.LETTERS)


def test_labels_that_do_not_fit_are_refused():
    toy = toy_diagnosis()
    for labels, words in (
        (toy.labels[:3], r"int64 \(3,\) labels came for 14 items"),
        (toy.labels.astype(float), "float64"),
        (np.where(toy.labels == 0, -1, toy.labels), "Labels from -1 to 3 came for 4 class texts.* without a label"),
        (toy.labels + 1, "Labels from 1 to 4"),
    ):
        with pytest.raises(ShapeError, match=words):
            diagnose_trajectory(toy.trajectory, labels)
    with pytest.raises(ShapeError, match="n >= 1"):
        diagnose_trajectory(toy.trajectory.take([]), toy.labels[:0])


@pytest.fixture(scope="module")
def aligner(aligner_dir):
    return load_aligner(aligner_dir)


@pytest.fixture(scope="module")
def encoded():
    """Features of eleven drawn shapes, one of them with another's label, and class texts in three phrasings."""
    encoder = load_encoder("bundled")
    labels = np.arange(11) % len(CLASSES)
    images = encoder.encode_images([picture(int(label), 700 + at) for at, label in enumerate(labels)])
    labels[4] = 0
    texts = [encoder.encode_texts([phrase.format(name) for name in CLASSES]) for phrase in ("{}", "a {}", "no {}")]
    return images, labels, texts


def test_in_batches_it_is_what_it_is_at_once(aligner, encoded, monkeypatch):
    images, labels, (texts, *others) = encoded
    seeds, names = [at * 3 + 5 for at in range(11)], [f"{at}.png" for at in range(11)]
    done: list[tuple[int, int]] = []
    asks: list[tuple[int, int]] = []
    monkeypatch.setattr(diagnosing, "BATCH", 4)
    monkeypatch.setattr(diagnosis, "COMPARED_ITEMS", 7)
    batched = diagnose(
        aligner, images, texts, labels, SAMPLING, item_seeds=seeds, rephrased=others, seeds=2, on_progress=lambda *at: done.append(at),
        on_asked=lambda *at: asks.append(at),
    )  # fmt: skip
    path = aligner.trace(images, texts, names, CLASSES, SAMPLING, item_seeds=seeds)
    asked = ask_aligner(
        aligner, images, texts, labels, SAMPLING, item_seeds=seeds, answers=path.class_probabilities.argmax(1),
        rephrased=others, seeds=2,
    )  # fmt: skip
    whole = diagnose_trajectory(path, labels, asked)
    alike(batched.to_dict(names, CLASSES), whole.to_dict(names, CLASSES))
    assert done == [(4, 11), (8, 11), (11, 11)] and batched.gap["items"] == 7
    wrong = int((path.class_probabilities.argmax(1) != labels).sum())
    assert {total for _, total in asks} == {wrong * len(others) + 2 * 11 + 2 * 7} and asks[-1][0] == asks[-1][1]
    assert [done for done, _ in asks] == sorted({done for done, _ in asks})
    with pytest.raises(Stopped):
        diagnose(aligner, images, texts, labels, SAMPLING, seeds=1, on_asked=lambda done, total: True)
    for name in ("decided", "standing", "landed", "stages"):
        np.testing.assert_array_equal(getattr(batched.seen, name), getattr(whole.seen, name))
    for name in ("margins", "own", "entropies", "straightness", "compared", "visual", "semantic", "probabilities"):
        np.testing.assert_allclose(getattr(batched.seen, name), getattr(whole.seen, name), atol=1e-4, err_msg=name)


def test_what_the_aligner_is_asked(aligner, encoded):
    images, labels, (texts, *others) = encoded
    seeds = list(range(11))
    path = aligner.trace(images, texts, [""] * 11, CLASSES, SAMPLING, item_seeds=seeds)
    answers = path.class_probabilities.argmax(1)
    given = {"item_seeds": seeds, "answers": answers}
    asked = ask_aligner(aligner, images, texts, labels, SAMPLING, rephrased=others, seeds=1, **given)
    votes = [
        aligner.aligner.classify(images, one, SAMPLING, item_seeds=seeds).argmax(1).numpy() == labels for one in others
    ]
    assert asked.rephrased.tolist() == ((np.sum(votes, axis=0) > 1) & (answers != labels)).tolist()
    assert asked.fits is None  # the vocabulary is closed
    again = aligner.trace(
        images, texts, [""] * 11, CLASSES, replace(SAMPLING, seed=SAMPLING.seed + 1), item_seeds=seeds
    )
    assert asked.ends.tolist() == [again.class_similarities()[:, -1].argmax(1).tolist()]
    np.testing.assert_allclose(asked.phrasings[0], path.class_text_features, atol=1e-5)
    assert asked.phrasings.shape == (3, *path.class_text_features.shape)
    silent = ask_aligner(aligner, images, texts, labels, SAMPLING, **given)
    assert not silent.rephrased.any() and silent.ends.shape == (0, 11)
    found = diagnose_trajectory(path, labels, silent)
    assert found.disagreement is None and "seeds_apart" not in found.to_dict([""] * 11, CLASSES)["items"][0]
    assert set(found.gap["class_wise_mmd2"]) == {None}  # of one phrasing there is no spread


def test_fits_are_asked_with_and_without_the_own_word():
    images, texts = RNG.normal(size=(9, 6)).astype(np.float32), RNG.normal(size=(4, 6)).astype(np.float32)
    labels = np.arange(9) % 3

    class Open:
        translator = SimpleNamespace(word_posterior=True)

        def align(self, part, words, sampling, *, item_seeds, answer_only):
            assert answer_only and np.array_equal(images[item_seeds], part.numpy())
            return SimpleNamespace(fit=(part @ words.T).amax(1))

    items, given = np.array([1, 2, 3, 7]), (torch.from_numpy(images), torch.from_numpy(texts))
    found = diagnosing._fits(
        SimpleNamespace(aligner=Open()),
        given[0][items],
        given[1],
        labels[items],
        SAMPLING,
        items.tolist(),
        diagnosing._Counted(0, None),
    )
    for item, fit in zip(items, found, strict=True):
        cosines = images[item] @ texts.T
        assert fit == pytest.approx([cosines.max(), np.delete(cosines, labels[item]).max()], rel=1e-5)
    count = diagnosing._Counted(0, None)
    nobody = diagnosing._fits(SimpleNamespace(aligner=Open()), given[0][:0], given[1], labels[:0], SAMPLING, [], count)
    assert nobody.shape == (0, 2)  # of a batch none of whose items is compared


def test_features_of_half_precision_and_a_stop(aligner, encoded):
    images, labels, (texts, *_) = encoded
    found = diagnose(aligner, images.to(torch.bfloat16), texts, labels, SAMPLING)
    assert found.verdicts.answer.tolist() == diagnose(aligner, images, texts, labels, SAMPLING).verdicts.answer.tolist()
    with pytest.raises(Stopped):
        diagnose(aligner, images, texts, labels, SAMPLING, on_progress=lambda done, total: True)
    with pytest.raises(ShapeError, match="Labels from -1"):
        diagnose(aligner, images, texts, labels - 1, SAMPLING)
