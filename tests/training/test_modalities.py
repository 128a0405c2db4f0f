"""One space for several modalities."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from seda.benchmark.consistency import by_disagreement, consistency, cross_fit
from seda.config import SamplingConfig
from seda.data.modal_set import Modality
from seda.errors import AlignerError, DataError, FileFormatError, FingerprintError
from seda.evaluation.consistency import ranks_of
from seda.journeys.journey import Journey
from seda.journeys.modal_journey import Member, modal_journey, name_tile
from seda.modal_aligner import load_modal_aligner
from seda.player.payload import player_payload
from seda.storage import read_arrays, write_arrays
from seda.training import modalities
from seda.training.modalities import fit_modalities, fitted_space, names_of
from tests.modal import KINS, few_choices, heard_by_name, modal_set

STEPS = SamplingConfig(num_inference_steps=4)


@pytest.fixture(scope="module", autouse=True)
def quick_fits() -> Iterator[None]:
    with few_choices():
        yield


@pytest.fixture(scope="module")
def data():
    return modal_set()


@pytest.fixture(scope="module")
def space(data):
    return fit_modalities(data)


def texts_of(data) -> torch.Tensor:
    return torch.from_numpy(data.class_text_features.mean(1))


def test_all_modalities_share_centers_words_and_texts(data, space):
    first, *others = [*space.aligners.values(), *space.class_aligners.values()]
    for other in others:
        assert torch.equal(first.class_centers, other.class_centers)
        assert torch.equal(first.text_scaler(texts_of(data)), other.text_scaler(texts_of(data)))
        assert torch.equal(first.translator.word_posterior.words, other.translator.word_posterior.words)
    assert len(space.categories) == KINS == len(first.class_centers)


def test_every_modality_walks_to_the_right_class(data, space):
    for name, rows in data.modalities.items():
        run = space.align(name, torch.from_numpy(rows.features), texts_of(data), STEPS, classes=True)
        right = data.labels[rows.items]
        assert (run.class_probabilities.argmax(1).numpy() == right).mean() > 0.9, name
        assert (run.nearest_text(-1).numpy() == right).mean() > 0.8, name


def test_what_was_never_heard_is_found_by_what_the_encoder_calls_it(data):
    """Four kins are left out; an ear that knows all kins by name puts their sounds near their names, one that does not cannot."""
    out, named = data.kin < 4, heard_by_name(data)
    names, features, index = names_of(data)
    nameless = replace(
        named, modalities={**named.modalities, "sound": replace(named.modalities["sound"], class_texts=None)}
    )
    ranks = []
    for one in (named, nameless):
        fitted = fit_modalities(one.keep(~out))
        sounds = one.modalities["sound"]
        rows = np.flatnonzero(out[sounds.items])
        places = fitted.places("sound", torch.from_numpy(sounds.features[rows])).numpy()
        gallery = fitted.places("text", torch.from_numpy(features)).numpy()
        ranks.append(ranks_of(places @ gallery.T, index[sounds.items[rows]]).mean())
    assert ranks[0] < ranks[1] - 1.5 and len(names) == KINS


@pytest.mark.slow
def test_kins_that_were_left_out_are_told_and_shuffled_labels_are_not(data):
    found = consistency(data, cross_fit(data, folds=4))
    for name, row in found["class_accuracy"].items():
        assert row["SeDA"] > 0.6, name
    assert found["agreement"]["SeDA"]["things"] == 22  # one has no picture, another no sound
    assert found["between"]["sound to picture"]["things"] == 22
    pair = found["steps"]["picture and sound"]
    assert pair["distance"][-1] < pair["distance"][0] and pair["margin"][-1] > pair["margin"][0]
    kin = data.kin
    mixed = np.random.default_rng(5).permutation(KINS)[kin] % 3
    blind = replace(data, labels=mixed, known_texts=data.known_texts[:0], known_labels=data.known_labels[:0])
    told = consistency(blind, cross_fit(blind, folds=4))["class_accuracy"]
    assert np.mean([row["SeDA"] for row in told.values()]) < 0.6


def test_what_is_left_out_is_not_looked_at(data):
    """Rows of a fold are poisoned: the spaces of the other folds must not notice while they are fitted."""
    out = data.kin == 3
    poisoned = {}
    for name, rows in data.modalities.items():
        features = rows.features.copy()
        features[out[rows.items]] = np.nan
        poisoned[name] = replace(rows, features=features)
    clean, other = (fit_modalities(one.keep(~out)) for one in (data, replace(data, modalities=poisoned)))
    for name, aligner in clean.aligners.items():
        for key, value in aligner.state_dict().items():
            assert torch.equal(value, other.aligners[name].state_dict()[key]), (name, key)


def test_the_same_again_gives_the_same(data, space):
    again = fit_modalities(data)
    for name, aligner in space.aligners.items():
        for key, value in aligner.state_dict().items():
            assert torch.equal(value, again.aligners[name].state_dict()[key])


def test_what_is_saved_is_loaded(data, space, tmp_path):
    loaded = load_modal_aligner(space.save(tmp_path / "space"))
    assert loaded.categories == space.categories and loaded.encoders == space.encoders
    for name, rows in data.modalities.items():
        x = torch.from_numpy(rows.features)
        for classes in (True, False):
            a, b = (one.align(name, x, texts_of(data), STEPS, classes=classes) for one in (space, loaded))
            assert torch.equal(a.class_probabilities, b.class_probabilities)
            assert torch.equal(a.translator.states, b.translator.states)
        assert torch.equal(space.places(name, x), loaded.places(name, x))


@pytest.mark.parametrize("how", ["shape", "nan", "index", "gone"])
def test_a_damaged_folder_is_said(space, tmp_path, how):
    folder = space.save(tmp_path / "space")
    path = folder / "sound.safetensors"
    arrays, metadata = read_arrays(path)
    if how == "shape":
        arrays["class_centers"] = arrays["class_centers"][1:]
    elif how == "nan":
        arrays["class_centers"][0, 0] = np.nan
    elif how == "index":
        arrays["translator.word_posterior.members"][0, 0] = 10_000
    write_arrays(path, arrays, metadata)
    if how == "gone":
        path.unlink()
    with pytest.raises(FileFormatError):
        load_modal_aligner(folder)


def test_a_space_is_fitted_once(data, space, tmp_path, monkeypatch):
    monkeypatch.setattr(modalities, "cache_dir", lambda: tmp_path)
    calls = []
    monkeypatch.setattr(modalities, "fit_modalities", lambda one, on_progress: calls.append(1) or space)
    first, second = fitted_space(data), fitted_space(data)
    assert calls == [1] and first.categories == second.categories


def test_a_fit_tells_its_steps_and_one_that_was_kept_none(data, tmp_path, monkeypatch):
    monkeypatch.setattr(modalities, "cache_dir", lambda: tmp_path)
    told = []
    fitted_space(data, lambda done, total: told.append((done, total)))
    steps = len(data.modalities) * modalities.STEPS_EACH
    assert told == [(done, steps) for done in range(1, steps + 1)]
    told.clear()
    fitted_space(data, lambda done, total: told.append((done, total)))
    assert told == []


def test_other_encoders_and_modalities_are_refused(data, space):
    space.check_encoder("sound", "ear", "ear-1")
    with pytest.raises(FingerprintError, match="ear-1"):
        space.check_encoder("sound", "other", "other-1")
    with pytest.raises(AlignerError, match="touch"):
        space.align("touch", torch.zeros(1, 3), texts_of(data), STEPS)


@pytest.mark.slow
def test_too_few_rows_are_said(data):
    few = Modality(np.ones((2, 5), np.float32), np.arange(2), ("", ""), ("", ""))
    with pytest.raises(DataError, match="smell has 2 rows of 1 kins"):
        fit_modalities(replace(data, modalities={**data.modalities, "smell": few}))
    alike = Modality(np.ones((24, 5), np.float32), np.arange(24), ("",) * 24, ("",) * 24)
    with pytest.raises(DataError, match="all have the same features"):
        fit_modalities(replace(data, modalities={**data.modalities, "smell": alike}))


def test_names_are_the_things_own(data):
    names, features, index = names_of(data)
    assert len(names) == KINS and features.shape == (KINS, 16)
    assert [names[one] for one in index] == list(data.item_names)


@pytest.mark.slow
def test_things_that_disagree_come_first(data):
    rows = by_disagreement(data, cross_fit(data, folds=3))
    apart = [row["disagreement"] for row in rows]
    assert apart == sorted(apart, reverse=True) and len(rows) == 24
    assert any(row["picture"] == "" for row in rows)  # what is not there is not decided


def test_a_journey_holds_all_kinds_each_with_a_shape(data, space):
    members = []
    for name, rows in data.modalities.items():
        row = int(np.flatnonzero(rows.items == 4)[0])
        members.append(Member(name, rows.names[row] or name, rows.features[row], name_tile(name)))
    made = modal_journey(
        space,
        members,
        data.class_names,
        data.class_text_features.mean(1),
        STEPS,
        label=data.class_names[data.labels[4]],
    )
    assert made.shapes == ("square", "round", "hexagon") == Journey.from_bytes(made.to_bytes(), "it").shapes
    states = made.trajectory.states
    assert states.shape[:2] == (3, 1 + 2 * 5)
    payload = player_payload(made)
    assert [item["shape"] for item in payload["items"]] == list(made.shapes)
    assert {item["truth"] for item in payload["items"]} == {int(data.labels[4])}
    with pytest.raises(DataError, match="Nothing came"):
        modal_journey(space, [], data.class_names, data.class_text_features.mean(1), STEPS)
