"""The open vocabulary on a toy world: eight things, each with a direction in the image features and one in the texts."""

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import seda.training.open_vocabulary as module
from seda.config import SamplingConfig
from seda.data.feature_set import FeatureSet
from seda.data.wordnet import CategoryWord
from seda.errors import EncoderError
from seda.training.denoisers import FOLDS
from seda.training.open_vocabulary import (
    ENCODER,
    Vocabulary,
    closed_forms,
    denoising_pairs,
    head_centers,
    open_config,
    pretrain_open_vocabulary,
    settle_weights,
    unseen_names,
)
from seda.training.pair_map import CategoryFeatures, learn_pair_map
from seda.training.word_closed_forms import untrained_aligner, word_posterior_of

THINGS, IMAGE, TEXT = 12, 40, 24
RNG = np.random.default_rng(0)
LOOKS, MEANINGS = RNG.normal(size=(THINGS, IMAGE)), RNG.normal(size=(THINGS + 2, TEXT))
MEANINGS[:THINGS] += 1.5 * MEANINGS[THINGS:][np.arange(THINGS) % 2]  # things of a kind mean something alike


def pictures(things, count, seed, spread=0.6):
    rng = np.random.default_rng(seed)
    labels = np.repeat(things, count)
    features = np.abs(2 * LOOKS[labels] + spread * rng.normal(size=(len(labels), IMAGE)) + 3)
    texts = MEANINGS[labels] / np.linalg.norm(MEANINGS[labels], axis=1, keepdims=True)
    return FeatureSet(
        features.astype(np.float32), (labels % 2).astype(np.int64), ("even", "odd"), "train", "e" * 16, "d" * 16,
        texts.astype(np.float32),
    )  # fmt: skip


@pytest.fixture(scope="module")
def fitted():
    categories = 8  # the head knows these; the pairs show them all
    head = torch.from_numpy(LOOKS[:categories]).float()
    words = [[CategoryWord(f"thing {i}", 0), CategoryWord(["even", "odd"][i % 2], 1)] for i in range(categories)]
    vocabulary = Vocabulary(tuple(f"thing {i}" for i in range(categories)), words, head, torch.zeros(categories))
    order = [int(text.split()[1]) if "thing" in text else THINGS + (text == "odd") for text in vocabulary.texts]
    texts = torch.nn.functional.normalize(torch.from_numpy(MEANINGS[order]).float(), dim=1)
    named = [pictures(range(10), 4, seed) for seed in (1, 2)]
    more, photos = pictures(range(10), 2, 3), pictures(range(THINGS), 6, 4)
    with pytest.MonkeyPatch.context() as patch:  # the toy world needs fewer steps
        patch.setattr(module, "learn_pair_map", partial(learn_pair_map, steps=100))
        aligner = closed_forms(vocabulary, texts, [*named, more])
        held = unseen_names(aligner, vocabulary, named, [more])
    groups = torch.nn.functional.normalize(torch.from_numpy(MEANINGS[THINGS:]).float(), dim=1)
    metrics = settle_weights(aligner, held, photos, groups)
    return aligner, metrics, groups, texts


def answer(aligner, features, texts, **options):
    return aligner.align(torch.from_numpy(features.image_features), texts, SamplingConfig(), **options)


def test_the_head_is_kept_exactly(fitted):
    aligner = fitted[0]
    features = torch.from_numpy(pictures(range(8), 3, 5).image_features)
    expected = (features @ torch.from_numpy(LOOKS[:8]).float().T).log_softmax(1)
    found = aligner.learner.belief(aligner.condition_scaler(features), aligner.class_centers)
    assert (found - expected).abs().max() < 0.05 * expected.abs().max()  # half precision


def test_kinds_and_unseen_words_are_found(fitted):
    aligner, _, groups, _ = fitted
    kinds = answer(aligner, pictures(range(8), 10, 6), groups, answer_only=True).class_probabilities.argmax(1)
    assert (kinds.numpy() == np.repeat(range(8), 10) % 2).mean() > 0.9
    # things 10 and 11 are in no pair and no category: only what their words mean can lead to them
    texts = torch.nn.functional.normalize(torch.from_numpy(MEANINGS[:THINGS]).float(), dim=1)
    unseen = answer(aligner, pictures([10, 11], 20, 7), texts, answer_only=True).class_probabilities
    right = unseen[torch.arange(40), torch.tensor([10] * 20 + [11] * 20)]
    before_it = (unseen > right[:, None]).float().sum(1)
    assert float(before_it.mean()) < (THINGS - 1) / 2  # chance is half of the others


def test_a_list_without_the_right_word_fits_worse(fitted):
    aligner, metrics, _, _ = fitted
    features, things = pictures(range(8), 10, 8), torch.arange(8)
    own = torch.nn.functional.normalize(torch.from_numpy(MEANINGS[:8]).float(), dim=1)
    everything = answer(aligner, features, own, answer_only=True).fit
    for thing in range(8):
        rows = slice(10 * thing, 10 * thing + 10)
        without = answer(aligner, features, own[things != thing], answer_only=True).fit[rows]
        assert (without < everything[rows]).float().mean() > 0.8
    assert metrics["validation_wrongly_refused"] <= 0.15


def test_paths_run_and_end_at_texts(fitted):
    aligner, _, groups, _ = fitted
    run = answer(aligner, pictures(range(8), 2, 9), groups)
    assert torch.isfinite(run.translator.states).all()
    torch.testing.assert_close(
        run.class_probabilities, answer(aligner, pictures(range(8), 2, 9), groups, answer_only=True).class_probabilities
    )
    assert (run.nearest_text(-1) == run.class_probabilities.argmax(1)).float().mean() > 0.7


def test_weights_are_the_most_likely_ones(fitted):
    aligner, metrics, _, _ = fitted
    assert metrics["validation_groups_nll"] < np.log(2)
    assert torch.isfinite(aligner.translator.word_posterior.weights).all()


def test_centers_of_a_head_under_a_shared_covariance():
    rng = np.random.default_rng(1)
    mix = rng.normal(size=(5, 5)) / 5 + np.eye(5)
    centers = rng.normal(size=(4, 5)) + 10
    features = np.concatenate([center + rng.normal(size=(20_000, 5)) @ mix for center in centers])
    spread = np.cov(features.T)  # what head_centers sees; for weights by that covariance the centers come back exactly
    weights = (centers - centers.mean(0)) @ np.linalg.inv(spread)
    found = head_centers(torch.from_numpy(weights).float(), torch.from_numpy(features).float())
    np.testing.assert_allclose(found.numpy(), centers, atol=0.05)


def test_another_encoder_is_refused(tmp_path):
    class Cropping:
        name = "bundled"

    with pytest.raises(EncoderError, match=ENCODER):
        pretrain_open_vocabulary(Cropping(), tmp_path)


def test_the_learned_map_is_the_same_with_the_same_seed_and_tells_things_apart(fitted):
    aligner = fitted[0]
    features = pictures(range(8), 10, 11)
    condition = aligner.condition_scaler(torch.from_numpy(features.image_features))
    texts = aligner.text_scaler(torch.from_numpy(features.image_text_features))
    posterior = aligner.translator.word_posterior
    centers = aligner.condition_scaler(torch.from_numpy(np.abs(2 * LOOKS[:8] + 3)).float())
    categories = CategoryFeatures(
        centers, 0.1 * torch.eye(IMAGE), posterior.words, posterior.members, torch.ones(posterior.members.shape)
    )
    before = torch.get_rng_state()
    first, again, other = (learn_pair_map(condition, texts, categories, 16, seed=seed, steps=200) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    torch.testing.assert_close(first(condition), again(condition))
    assert not torch.allclose(first(condition), other(condition))
    own = torch.nn.functional.normalize(texts, dim=1)
    found = torch.nn.functional.normalize(first(condition), dim=1) @ own.T
    assert (found.argmax(1) // 10 == torch.arange(80) // 10).float().mean() > 0.9


def test_what_names_are_read_by_has_not_seen_them(fitted, monkeypatch):
    """Every drawing of a name that is held out, whoever drew it, is missing from what the maps are made of."""
    aligner = fitted[0]
    seen = []

    def learned(condition, texts, categories, width, *, seed):
        seen.append(texts)
        return aligner.translator.word_posterior.pair_map

    monkeypatch.setattr(module, "learn_pair_map", learned)
    head = torch.from_numpy(LOOKS[:8]).float()
    vocabulary = Vocabulary((), [], head, torch.zeros(8))
    named, more = [pictures(range(10), 4, seed) for seed in (1, 2)], pictures(range(10), 2, 3)
    held = unseen_names(aligner, vocabulary, named, [more])
    assert len(held) == 10 and len(seen) == 5
    for index, one in enumerate(held):
        own = one.texts[one.labels]
        assert (
            own @ torch.nn.functional.normalize(seen[index // 2], dim=1).T / own.norm(dim=1, keepdim=True)
        ).max() < 0.999
    assert sum(len(one.labels) for one in held) == 80


class Constant(torch.nn.Module):
    """A map to one place."""

    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, condition):
        return torch.full((len(condition), TEXT), self.value)


def test_a_denoiser_is_told_places_by_maps_that_have_not_seen_the_item(fitted, monkeypatch):
    named, more = [pictures(range(10), 4, seed) for seed in (1, 2)], pictures(range(10), 2, 3)
    head = torch.from_numpy(LOOKS[:8]).float()
    words = [[CategoryWord(f"thing {i}", 0)] for i in range(8)]
    vocabulary = Vocabulary(tuple(f"thing {i}" for i in range(8)), words, head, torch.zeros(8))
    texts = torch.nn.functional.normalize(torch.from_numpy(MEANINGS[:8]).float(), dim=1)
    learned = []

    def learn(condition, texts, categories, width, *, seed):
        learned.append(torch.nn.functional.normalize(texts, dim=1))
        return Constant(float(len(learned))) if len(learned) > 1 else learn_pair_map(
            condition, texts, categories, width, seed=seed, steps=2
        )  # fmt: skip

    monkeypatch.setattr(module, "learn_pair_map", learn)
    aligner = closed_forms(vocabulary, texts, [*named, more], "learned")
    material = SimpleNamespace(pairs=[*named, more], vocabulary=vocabulary)
    pairs = denoising_pairs(aligner, material, open_config())
    assert len(learned) == 1 + FOLDS + 1
    for fold, seen in enumerate(learned[1:-1]):
        own = torch.nn.functional.normalize(pairs.names[pairs.fold == fold], dim=1)
        assert (own @ seen.T).max() < 0.999
    held_out = torch.nn.functional.normalize(pairs.names[pairs.held_out], dim=1)
    assert len(held_out) and all((held_out @ seen.T).max() < 0.999 for seen in learned[1:])

    generator = torch.Generator().manual_seed(0)
    drawn = pairs.draw(40, generator)
    assert drawn.place is not None and set(drawn.fold.tolist()) == {-1, 0, 1, 2}
    by_fold = torch.tensor([2.0, 3.0, 4.0, 5.0])  # the last map is for what is drawn around centers
    assert torch.equal(drawn.place[:, 0], by_fold[drawn.fold])
    held = pairs.draw(40, generator, held_out=True)
    assert held.place is not None and set(held.place[:, 0].tolist()) == {5.0}


def test_a_run_is_told_where_the_final_map_places_the_picture(fitted):
    aligner, _, groups, _ = fitted
    told = untrained_aligner(replace(aligner.config, denoiser="learned", told_place=True), len(aligner.class_centers))
    told.load_state_dict(aligner.state_dict(), strict=False)
    features = torch.from_numpy(pictures(range(8), 1, 12).image_features)
    condition, visual, texts = told.condition_scaler(features), told.image_scaler(features), told.text_scaler(groups)
    prepared = told.translator.prepared("learned", condition, visual, texts, 1.0, torch.zeros(len(visual), len(texts)))
    place = word_posterior_of(told).pair_map(condition)
    wanted = torch.nn.functional.cosine_similarity(place[:, None], texts[None], dim=2)
    torch.testing.assert_close(prepared.near_place, wanted, atol=1e-5, rtol=0)
    plain = untrained_aligner(
        replace(aligner.config, denoiser="learned"), len(aligner.class_centers)
    )  # as those before were saved
    plain.load_state_dict(aligner.state_dict(), strict=False)
    run = plain.translator.prepared("learned", condition, visual, texts, 1.0, torch.zeros(len(visual), len(texts)))
    assert run.near_place is None and plain.translator.learned.log_near_place is None
