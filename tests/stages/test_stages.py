"""What each stage brings to its run: conditions, and beliefs that begin in closed form."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from seda.config import ModelConfig, SamplingConfig
from seda.stages import SemanticLearner, SemanticTranslator
from seda.stages.semantic_translator import FLOOR

CONFIG = ModelConfig(dim=8, image_dim=12, width=16, heads=2, blocks=1, prior_width=16)
CATEGORIES, PHRASINGS = 3, 2


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def translator():
    made = SemanticTranslator(CONFIG, CATEGORIES, PHRASINGS).eval()
    made.category_texts.copy_(random(CATEGORIES, PHRASINGS, 8))
    return made


@pytest.mark.parametrize("sharing", [1.0, 0.6])
def test_a_belief_is_shared_out_among_the_texts_that_are_like_a_category(translator, sharing):
    translator.word_sharing = sharing
    belief, texts = random(4, CATEGORIES, seed=1).log_softmax(1), random(5, 8, seed=2)
    nearness = float(translator.log_nearness.exp().detach())
    q = np.empty((5, CATEGORIES))
    for k, text in enumerate(texts):
        for c in range(CATEGORIES):  # by the phrasing that is next to it
            q[k, c] = max(float(torch.cosine_similarity(text, one, dim=0)) for one in translator.category_texts[c])
        q[k] = np.exp(nearness * q[k]) / np.exp(nearness * q[k]).sum() ** sharing
    expected = np.exp(belief.numpy()) @ (q / q.sum(0)).T
    found = translator.carry_over(belief, texts).exp().detach().numpy()
    np.testing.assert_allclose(found, np.maximum(expected, FLOOR), rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-5)
    torch.testing.assert_close(translator.belief(random(4, 12), belief, texts), translator.carry_over(belief, texts))


def test_every_text_keeps_a_finite_belief(translator):
    sure = torch.tensor([[0.0, -1e4, -1e4]])
    texts = torch.cat([translator.category_texts[:, 0]] * 2)
    assert translator.carry_over(sure, texts).isfinite().all()


@pytest.mark.parametrize("scale", [0.0, 5.0])
def test_the_translator_is_conditioned_on_the_picture_and_on_a_semantic_feature_of_unit_variance(scale):
    config = replace(CONFIG, scale=scale)
    translator = SemanticTranslator(config, CATEGORIES, PHRASINGS).eval()
    visual, semantic = random(4, 12), random(4, 8, seed=1)
    semantic = config.feature_norm * semantic / semantic.norm(dim=1, keepdim=True)
    found = translator.condition(visual, semantic)
    torch.testing.assert_close(found[:, :12], visual)
    torch.testing.assert_close(found[:, 12:].square().mean(1), torch.ones(4))
    torch.testing.assert_close(torch.cosine_similarity(found[:, 12:], semantic), torch.ones(4))


def test_in_a_closed_vocabulary_nothing_is_said_of_how_a_list_fits(translator):
    assert translator.fit(random(4, 12), random(4, CATEGORIES), random(5, 8)) is None


PAIRED = {"zero_shot": True, "unit_features": True, "image_dim": 8}


def learner(**settings):
    made = SemanticLearner(replace(CONFIG, **settings), CATEGORIES).eval()
    made.center_posterior.weight.copy_(random(*made.center_posterior.weight.shape, seed=3))
    return made


@pytest.mark.parametrize(("settings", "read_outs"), [({}, 2), (PAIRED, 3), ({"words": 9}, 1)])
def test_the_learner_begins_as_the_closed_form_with_its_read_outs(settings, read_outs):
    made = learner(**settings)
    condition, centers = random(4, settings.get("image_dim", 12)), random(CATEGORIES, 8, seed=1)
    assert len(made.center_posterior.weight) == read_outs
    belief = made.belief(condition, centers)
    torch.testing.assert_close(belief, made.center_posterior(condition))
    torch.testing.assert_close(belief.exp().sum(1), torch.ones(4))
    visual, bank = random(4, 8, seed=2), random(5, 8, seed=4)
    run = made.candidates(condition, visual, centers, bank, 1.0)
    torch.testing.assert_close(run.log_prior, belief)
    given = random(4, CATEGORIES, seed=5).log_softmax(1)
    torch.testing.assert_close(made.candidates(condition, visual, centers, bank, 1.0, belief=given).log_prior, given)
    torch.testing.assert_close(made.candidates(condition, visual, centers, bank, 1.0, log_prior=given).log_prior, given)


@pytest.mark.parametrize("path", ["conditional", "bridge"])
@pytest.mark.parametrize("stage", [1, 2])
def test_a_run_of_a_stage_as_it_begins_ends_at_one_of_its_anchors(path, stage):
    """Untrained it is the closed form; with a prior that is sure there is one place to end."""
    config = replace(CONFIG, path=path)
    made = SemanticLearner(config, CATEGORIES) if stage == 1 else SemanticTranslator(config, CATEGORIES, PHRASINGS)
    made.eval()
    anchors, source = 3 * random(3, 8), random(4, 8, seed=1)
    sure = torch.tensor([0, 1, 2, 1])
    log_prior = torch.full((4, 3), -60.0)
    log_prior[torch.arange(4), sure] = 0.0
    if stage == 1:
        run = made.candidates(random(4, 12), source, anchors, anchors, 1.0, belief=log_prior)
    else:
        run = made.candidates(random(4, 12), source, anchors, 1.0, belief=log_prior)
    events = []
    found = made.run(run, SamplingConfig(num_inference_steps=5), range(4), on_step=events.append)
    np.testing.assert_allclose(found.states[:, -1], anchors[sure], atol=1e-3)
    assert {event.stage for event in events} == {stage} and len(events) == 5


def test_the_stages_draw_different_noise_for_the_same_item():
    anchors, source = 3 * random(3, 8), torch.zeros(2, 8)
    first = SemanticLearner(CONFIG, CATEGORIES).eval()
    second = SemanticTranslator(CONFIG, CATEGORIES, PHRASINGS).eval()
    sampling, belief = SamplingConfig(num_inference_steps=3), torch.zeros(2, 3)
    one = first.run(first.candidates(random(2, 12), source, anchors, anchors, 1.0, belief), sampling, [0, 1])
    two = second.run(second.candidates(random(2, 12), source, anchors, 1.0, belief), sampling, [0, 1])
    assert not np.allclose(one.states[:, 0], two.states[:, 0]) and not np.allclose(one.states[0, 0], one.states[1, 0])
