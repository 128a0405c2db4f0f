"""Sweeps with a tiny aligner: planted wordings, halves, and what depends on what."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from seda.aligner import load_aligner
from seda.config import ModelConfig, SamplingConfig
from seda.data.wordnet import WordNet
from seda.encoders import load_encoder
from seda.errors import ConfigError, ShapeError, Stopped
from seda.evaluation.paired import stratified_halves
from seda.journeys.sweeping import (
    KINDS,
    SEED,
    TEMPLATE,
    WORDING,
    Variant,
    base_variant,
    make_variants,
    sweep,
    wording_variants,
)
from tests.tiny import CLASSES, picture

PER_CLASS = 7
SAMPLING = SamplingConfig(num_inference_steps=4)
MISLEADING = "no {}"


@pytest.fixture(scope="module")
def aligner(aligner_dir):
    return load_aligner(aligner_dir)


@pytest.fixture(scope="module")
def encoder():
    return load_encoder("bundled")


@pytest.fixture(scope="module")
def items(encoder):
    labels = np.repeat(np.arange(len(CLASSES)), PER_CLASS)
    return encoder.encode_images([picture(int(label), 500 + at) for at, label in enumerate(labels)]), labels


class Planted:
    """An encoder of texts for which the misleading template is another class's name; it counts."""

    def __init__(self, encoder):
        self.encoder, self.asked = encoder, []

    def __call__(self, texts):
        self.asked.append(list(texts))
        others = {MISLEADING.format(name): CLASSES[place - 1] for place, name in enumerate(CLASSES)}
        return self.encoder.encode_texts([others.get(text, text) for text in texts])


def base(template: str = "{}") -> Variant:
    return base_variant(CLASSES, template, SAMPLING, ModelConfig())


def template(text: str, of: Variant) -> Variant:
    return replace(of, name=text, kind=TEMPLATE, template=text)


def test_a_misleading_template_loses_and_the_right_one_wins(aligner, encoder, items):
    planted, misled = Planted(encoder), base(MISLEADING)
    table = sweep(aligner, *items, planted, [template("{}", misled)], misled)
    (right,) = table.rows
    assert right.answer.chosen_on > 0.9 > 0.1 > table.base.answer.chosen_on
    assert right.answer.judged_on > 0.9 > 0.1 > table.base.answer.judged_on
    assert right.end.judged_on > table.base.end.judged_on
    assert table.best() is right and table.best("end") is right
    assert right.answer.difference[1] > 0 and "a clear gain" in table.sentences()[1]
    assert len(planted.asked) == 1 and len(planted.asked[0]) == 2 * len(CLASSES)  # each text once

    sound = base()
    table = sweep(aligner, *items, planted, [template(MISLEADING, sound)], sound)
    assert table.best() is table.base and table.rows[0].answer.difference[2] < 0
    assert "nothing of 1 is better" in table.sentences()[1]


def test_the_table_is_what_the_aligner_says(aligner, encoder, items):
    features, labels = items
    start = base()
    variants, notes = make_variants([kind for kind in KINDS if kind != WORDING], start, aligner.aligner.config)
    assert not notes
    table = sweep(
        aligner, features, labels, encoder.encode_texts, variants, start, item_seeds=range(40, 40 + len(labels))
    )
    assert [row.variant for row in table.rows] == variants
    for row in (table.base, *table.rows):
        texts = encoder.encode_texts([row.variant.template.format(name) for name in CLASSES])
        seeds = range(40, 40 + len(labels))
        run = aligner.aligner.align(features, texts, row.variant.sampling, item_seeds=seeds)
        assert np.array_equal(row.right_answer, run.class_probabilities.argmax(1).numpy() == labels)
        ends = run.nearest_text(-1).numpy() == labels
        assert (row.right_end <= ends).all() and row.landed <= 1
        assert row.answer.all == row.right_answer.mean() and row.end.all == row.right_end.mean()
        judged = row.right_answer[table.judged_on].mean() - table.base.right_answer[table.judged_on].mean()
        assert row.answer.difference[0] == pytest.approx(judged)


def test_what_has_no_part_in_the_answers_is_said(aligner, encoder, items):
    start = base()
    variants, _ = make_variants(["guidance", "steps", SEED], start, aligner.aligner.config)
    table = sweep(aligner, *items, encoder.encode_texts, variants, start)
    same = [np.array_equal(row.right_answer, table.base.right_answer) for row in table.rows]
    if table.answer_ignores:
        assert all(same) and "do not depend on guidance, steps and seed" in table.sentences()[-1]
        probabilities = [
            aligner.aligner.classify(items[0], encoder.encode_texts(CLASSES), one.sampling)
            for one in (start, *variants)
        ]
        assert all(torch.allclose(one, probabilities[0], atol=1e-5) for one in probabilities)
    else:
        assert float(aligner.aligner.translator.prior.residual_share) > 0


def test_one_seed_one_table(aligner, encoder, items):
    start = base()
    variants, _ = make_variants([TEMPLATE, SEED], start, aligner.aligner.config)
    tables = [sweep(aligner, *items, encoder.encode_texts, variants, start, seed=seed).to_dict() for seed in (3, 3, 4)]
    assert tables[0] == tables[1] == json.loads(json.dumps(tables[0]))
    assert tables[0]["chosen_on"] != tables[2]["chosen_on"]
    assert [row["answer"]["all"] for row in tables[0]["rows"]] == [row["answer"]["all"] for row in tables[2]["rows"]]


def test_halves_share_nothing_and_hold_each_class(aligner, encoder, items):
    table = sweep(aligner, *items, encoder.encode_texts, [], base())
    chosen, judged = set(table.chosen_on), set(table.judged_on)
    assert not chosen & judged and len(chosen | judged) == len(items[1])
    for half in (table.chosen_on, table.judged_on):
        assert set(items[1][half]) == set(range(len(CLASSES)))
    assert table.best() is table.base


def test_labels_of_the_judging_half_choose_nothing(aligner, encoder, items):
    features, labels = items
    halves = stratified_halves(labels, seed=0)
    poisoned = labels.copy()
    poisoned[halves[1]] = (labels[halves[1]] + 1) % len(CLASSES)
    misled = base(MISLEADING)
    variants = [template("{}", misled), template("a picture of a {}", misled)]
    clean, damaged = (
        sweep(aligner, features, which, Planted(encoder), variants, misled, halves=halves)
        for which in (labels, poisoned)
    )
    assert damaged.best().variant == clean.best().variant and clean.best() is not clean.base
    assert damaged.best().answer.chosen_on == clean.best().answer.chosen_on
    assert damaged.best().answer.judged_on < clean.best().answer.judged_on  # and this is what is told
    assert f"{100 * damaged.best().answer.judged_on:.1f} %" in damaged.sentences()[1]


def test_paths_that_are_not_walked_leave_the_answers(aligner, encoder, items):
    start = base()
    variants, _ = make_variants([TEMPLATE, SEED], start, aligner.aligner.config)
    whole, part = (
        sweep(aligner, *items, encoder.encode_texts, variants, start, walk=walk) for walk in ((TEMPLATE, SEED), (SEED,))
    )
    for one, other in zip(whole.rows, part.rows, strict=True):
        assert np.array_equal(one.right_answer, other.right_answer)
        assert (other.end is None) == (other.variant.kind == TEMPLATE)
    assert part.base.end is not None and part.best("end") is part.base
    assert part.to_dict()["rows"][0]["end"] is None and "nothing of 0" in part.sentences()[2]


def test_a_seed_is_never_best_and_shows_what_luck_does(aligner, encoder, items):
    start = base("a {}")
    variants, _ = make_variants([SEED], start, aligner.aligner.config)
    table = sweep(aligner, *items, encoder.encode_texts, variants, start)
    rows = list(table.rows)
    lucky = replace(rows[2].end, chosen_on=1.0)
    rows[2] = replace(rows[2], end=lucky)
    assert replace(table, rows=tuple(rows)).best("end") is table.base
    ends = [row.end.all for row in (table.base, *table.rows)]
    assert f"5 seeds {100 * min(ends):.1f} % to {100 * max(ends):.1f} %" in table.sentences()[3]


def test_a_sweep_can_be_stopped_and_says_how_far_it_is(aligner, encoder, items):
    told = []
    start = base()
    variants, _ = make_variants([TEMPLATE, SEED], start, aligner.aligner.config)
    sweep(aligner, *items, encoder.encode_texts, variants, start, on_progress=lambda *done: told.append(done))
    assert told[-1][0] == told[-1][1] == len(items[1]) * (len(variants) + 1) and len({total for _, total in told}) == 1
    with pytest.raises(Stopped):
        sweep(aligner, *items, encoder.encode_texts, variants, start, on_progress=lambda *_: True)


def test_what_cannot_be_swept(aligner, encoder, items):
    with pytest.raises(ConfigError, match="'colour' cannot be swept over; allowed are template"):
        make_variants(["colour"], base(), ModelConfig())
    for labels in (items[1][:-1], items[1] - 1, items[1] + 1):
        with pytest.raises(ShapeError, match="each with the index of a class text"):
            sweep(aligner, items[0], labels, encoder.encode_texts, [], base())


def test_settings_that_the_paths_do_not_know_are_left_out():
    bridge = ModelConfig(path="bridge")
    start = base_variant(CLASSES, "{}", SAMPLING, bridge)
    variants, notes = make_variants(["sampler", "strength", "guidance"], start, bridge)
    assert {one.kind for one in variants} == {"guidance"}
    assert len(notes) == 2 and "know no sampler" in notes[0]
    full = base_variant(CLASSES, "{}", SamplingConfig(num_inference_steps=200, strength=0.3), ModelConfig())
    strengths, _ = make_variants(["strength"], full, ModelConfig())
    assert [one.sampling.strength for one in strengths] == [0.2, 0.4, 0.6, 0.8, 1.0]
    settings = {(one.sampling, one.template) for one in make_variants(["guidance", "steps"], start, bridge)[0]}
    assert (start.sampling, start.template) not in settings  # nothing is tried twice


NOUNS = """00000001 03 n 02 animal 0 beast 0 000 | a
00000002 05 n 02 cat 0 true_cat 0 001 @ 00000001 n 0000 | b
00000003 05 n 04 dog 0 hound 0 cat 0 Canis 0 001 @ 00000001 n 0000 | c
00000004 05 n 02 sofa 0 couch 0 000 | d
"""


def test_wordings_change_one_text_at_a_time(tmp_path):
    (tmp_path / "data.noun").write_text(NOUNS, encoding="latin-1")
    start = base_variant(("dogs", "cat", "leather sofa", "xyz"), "{}", SAMPLING, ModelConfig())
    found = wording_variants(start, WordNet(tmp_path))
    assert [one.name for one in found] == [
        "dogs: dog", "cat: true cat", "leather sofa: leather couch", "dogs: hound", "cat: animal", "cat: dog", "dogs: animal", "cat: hound",
    ]  # fmt: skip
    for one in found:
        assert sum(a != b for a, b in zip(one.class_texts, start.class_texts, strict=True)) == 1
        assert len(set(one.class_texts)) == 4
    assert len(wording_variants(start, WordNet(tmp_path), most=2)) == 2
    nothing, notes = make_variants(
        [WORDING], replace(start, class_texts=("xyz", "abc")), ModelConfig(), WordNet(tmp_path)
    )
    assert not nothing and "no other words" in notes[0]


def test_without_wordnet_it_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr("seda.data.wordnet.USUAL_PLACES", (tmp_path,))
    variants, notes = make_variants([WORDING], base(), ModelConfig())
    assert not variants and "apt-get install wordnet-base" in notes[0]
