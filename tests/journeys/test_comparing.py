"""Two diagnoses of the same items, matched by their names, against loops."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from seda.errors import DataError
from seda.evaluation.paired import LOST, OTHER, SAME, WON
from seda.journeys import diagnosis
from seda.journeys.comparing import FLIP_NAMES, NamedDiagnosis, compare
from seda.journeys.diagnosis import diagnose_trajectory
from tests.diagnosed import toy_diagnosis

ITEMS = 14
RNG = np.random.default_rng(2)


def run(
    answers: np.ndarray | None = None, items: np.ndarray | None = None, *, shift: float = 0, space: str = "a"
) -> NamedDiagnosis:
    """A toy diagnosis of some items in some order, with answers of one's own, its states moved."""
    toy = toy_diagnosis(items=ITEMS)
    items = np.arange(ITEMS) if items is None else items
    path = replace(toy.trajectory, states=toy.trajectory.states + np.float32(shift))
    if answers is not None:
        path = replace(path, class_probabilities=np.eye(4, dtype=np.float32)[answers])
    path = path.take(items)
    return NamedDiagnosis(diagnose_trajectory(path, toy.labels[items]), path.item_names, path.class_names, space)


def test_flips_against_a_loop_whatever_the_order_and_the_rest():
    a, b = RNG.integers(0, 4, ITEMS), RNG.integers(0, 4, ITEMS)
    labels = toy_diagnosis(items=ITEMS).labels
    a[:4], b[2:12] = labels[:4], labels[2:12]
    first, second = run(a, RNG.permutation(ITEMS)[:11]), run(b, RNG.permutation(ITEMS))
    found = compare(first, second)
    assert set(found.names) == set(first.names) and len(found.names) == 11
    told = found.to_dict(seed=1)
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    names = list(toy_diagnosis(items=ITEMS).names)
    words = first.class_names
    for row in told["items"]:
        item = names.index(row["file"])
        assert (row["first"], row["second"]) == (words[a[item]], words[b[item]])
        right = a[item] == labels[item], b[item] == labels[item]
        code = SAME if a[item] == b[item] else LOST if right[0] else WON if right[1] else OTHER
        assert row["flip"] == FLIP_NAMES[code]
    here = [names.index(name) for name in found.names]
    assert told["accuracy"] == pytest.approx([(one[here] == labels[here]).mean() for one in (a, b)], abs=1e-6)
    assert told["difference"][0] == pytest.approx(told["accuracy"][1] - told["accuracy"][0], abs=2e-6)
    assert told["difference"][0] > 0.2 and told["difference"][1] <= told["difference"][0] <= told["difference"][2]
    assert told["mcnemar"]["only_first"] == told["flips"]["right_to_wrong"]
    assert told["mcnemar"]["only_second"] == told["flips"]["wrong_to_right"]
    ranks = [
        ["right to wrong", "wrong to right", "to another wrong one", ""].index(row["flip"]) for row in told["items"]
    ]
    assert ranks == sorted(ranks)
    assert [list(first.names)[place] for place in found.first] == list(found.names)
    assert [list(second.names)[place] for place in found.second] == list(found.names)


def test_a_run_is_itself():
    told = compare(run(), run(items=RNG.permutation(ITEMS))).to_dict()
    assert told["difference"] == [0, 0, 0] and told["mcnemar"]["p"] == 1 and told["flips"]["same"] == ITEMS
    assert {row["drift"] for row in told["items"]} == {0}


def test_drift_is_how_far_the_ends_moved_and_none_between_aligners():
    order = RNG.permutation(ITEMS)
    first, second = run(), run(shift=0.5, items=order)
    found = compare(first, second)
    ends = [one.diagnosis.seen.compared[:, -1].astype(float) for one in (first, second)]
    length = np.mean([np.linalg.norm(rows, axis=1).mean() for rows in ends])
    np.testing.assert_allclose(found.drift, np.full(ITEMS, 0.5 * 4 / length), rtol=1e-4)  # 16 features, each by .5
    other = compare(run(), run(space="b"))
    assert other.drift is None and "drift" not in other.to_dict()["items"][0]


def test_no_drift_of_items_whose_states_were_not_kept(monkeypatch):
    monkeypatch.setattr(diagnosis, "COMPARED_ITEMS", ITEMS - 1)
    assert compare(run(), run()).drift is None


def test_a_small_probability_is_no_zero():
    labels = toy_diagnosis(items=ITEMS).labels
    first, second = run(labels), run((labels + 1) % 4)
    many = compare(first, second)
    more = replace(many, right=np.repeat(many.right, 10, axis=1))
    assert 0 < more.to_dict()["mcnemar"]["p"] < 1e-30


def named(names: list[str], answers: np.ndarray | None = None) -> NamedDiagnosis:
    return replace(run(answers), names=names)


def test_items_of_one_name_are_matched_in_their_order_or_left_out():
    a = RNG.integers(0, 4, ITEMS)
    twice = ["same.png", *(f"{at}.png" for at in range(1, ITEMS - 1)), "same.png"]
    found = compare(named(twice, a), named(twice, a))
    assert found.first.tolist() == found.second.tolist() == list(range(ITEMS)) and set(found.flips.codes) == {SAME}
    once = [*twice[:-1], "other.png"]
    left = compare(named(once, a), named(twice, a))
    assert "same.png" not in left.names and len(left.names) == ITEMS - 2


def test_what_cannot_be_compared_is_said():
    with pytest.raises(DataError, match="no labelled picture in common"):
        compare(run(items=np.arange(4)), run(items=np.arange(4, 9)))
    other = replace(run(), class_names=("winter coat", *run().class_names[1:], "more"))
    with pytest.raises(
        DataError, match=r"is 'coat' in one run and 'winter coat' in the other\. Label the pictures alike"
    ):
        compare(run(), other)


def test_a_word_in_another_wording_is_the_one_in_its_place():
    worded = replace(run(), class_names=("winter coat", *run().class_names[1:]))
    told = compare(run(), worded).to_dict()
    assert told["flips"]["same"] == ITEMS and told["accuracy"][0] == told["accuracy"][1]


def test_a_word_that_no_item_has_may_be_another():
    items = np.flatnonzero(toy_diagnosis(items=ITEMS).labels != 3)
    labels = toy_diagnosis(items=ITEMS).labels
    first = run(labels, items)
    second = replace(run(np.where(labels == 2, 3, labels), items), class_names=(*first.class_names[:3], "new"))
    told = compare(first, second).to_dict()
    assert told["flips"]["right_to_wrong"] == (labels[items] == 2).sum() and told["items"][0]["second"] == "new"
