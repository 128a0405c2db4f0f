"""Closed-form beliefs against loops: which category a picture is of, and which word says it."""

import numpy as np
import pytest
import torch

from seda.models.center_posterior import CenterPosterior, pooled
from seda.models.word_posterior import FLOOR, STEP_WEIGHT, WordPosterior

WORDS, DIM, WIDTH, NEARNESS = 9, 5, 6, 7.0
# each category's name, then its synonyms (no step up) and its kinds, a step up each; repeats fill a row
MEMBERS = [[0, 3, 4, 5], [1, 4, 5, 5], [2, 6, 7, 8]]
STEPS = [[0, 0, 1, 2], [0, 1, 2, 2], [0, 1, 2, 5]]


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture(params=[False, True], ids=["centred texts", "texts of length 1"])
def posterior(request):
    made = WordPosterior(WIDTH, DIM, len(MEMBERS), WORDS, 4, unit_texts=request.param).double()
    made.words.copy_(random(WORDS, DIM))
    made.members.copy_(torch.tensor(MEMBERS))
    made.steps.copy_(torch.tensor(STEPS))
    made.maps.copy_(random(2, WIDTH, DIM, seed=1))
    made.map_bias.copy_(random(2, DIM, seed=2))
    made.weights.copy_(torch.tensor([0.7, 3.0, 5.0, 2.0]))
    if request.param:
        made.text_mean.copy_(0.3 * random(DIM, seed=3) / 5**0.5)
    return made


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def naive_category_texts(words):
    """The name, and of each step up the first word alone, half as much a step; none from the fifth on."""
    mixed = []
    for members, steps in zip(MEMBERS, STEPS, strict=True):
        total = unit(words)[members[0]].copy()
        for index in range(1, len(members)):
            if steps[index - 1] < steps[index] <= 4:
                total += STEP_WEIGHT ** steps[index] * unit(words)[members[index]]
        mixed.append(unit(total))
    return np.array(mixed) - np.mean(mixed, axis=0)


def naive_readings(posterior, condition, belief, shared, texts):
    """Of one picture and one text after the other."""
    found = np.empty((len(condition), len(texts), 4))
    centres = naive_category_texts(posterior.words.numpy())
    for i, picture in enumerate(condition):
        meant = [np.exp(belief[i]) @ centres]
        meant += [picture @ posterior.maps[j].numpy() + posterior.map_bias[j].numpy() for j in range(2)]
        for k, text in enumerate(texts):
            direction = unit(text)
            if posterior.text_mean is not None:  # the length at which direction and mean are 1 long together
                mean = posterior.text_mean.numpy()
                roots = np.roots([1, 2 * direction @ mean, mean @ mean - 1])
                direction = direction * roots.max()
            found[i, k] = [max(shared[i, k], np.log(FLOOR)), *(unit(one) @ direction for one in meant)]
    return found


def asked():
    condition, belief = random(4, WIDTH, seed=4), random(4, 3, seed=5).log_softmax(1)
    shared = random(4, 6, seed=6).log_softmax(1)
    shared[0, 0] = -100.0  # below the floor
    return condition, belief, shared, random(6, DIM, seed=7)


def test_a_category_is_known_by_its_name_and_ever_less_by_its_kinds(posterior):
    np.testing.assert_allclose(posterior.category_texts, naive_category_texts(posterior.words.numpy()), atol=1e-12)
    assert 0 < STEP_WEIGHT < 1


def test_a_text_is_like_a_category_by_the_word_that_is_most_like_it(posterior):
    texts, words = random(6, DIM, seed=7), posterior.words.numpy()
    cosines = unit(texts.numpy()) @ unit(words).T
    expected = [[max(row[word] for word in members) for members in MEMBERS] for row in cosines]
    np.testing.assert_allclose(posterior.likeness(texts), expected)


def test_readings_and_their_pool(posterior):
    condition, belief, shared, texts = asked()
    expected = naive_readings(posterior, *(part.numpy() for part in (condition, belief, shared, texts)))
    np.testing.assert_allclose(posterior.readings(condition, belief, shared, texts), expected, atol=1e-9)
    scores = expected @ posterior.weights.numpy()
    found = posterior(condition, belief, shared, texts).exp()
    np.testing.assert_allclose(
        found, np.exp(scores) / np.exp(scores).sum(1, keepdims=True), rtol=1e-6
    )  # the floor is a float32


def test_a_list_fits_as_well_as_its_best_text_does_against_the_names_of_all_categories(posterior):
    condition, belief, shared, texts = asked()
    words = posterior.words.numpy()

    def scores(rows):
        cosines = unit(rows) @ unit(words).T
        q = np.exp(
            NEARNESS * np.array([[max(row[word] for word in members) for members in MEMBERS] for row in cosines])
        )
        first = np.log(np.exp(belief.numpy()) @ (q / q.max(1, keepdims=True)).T)
        return naive_readings(posterior, condition.numpy(), belief.numpy(), first, rows) @ posterior.weights.numpy()

    names = words[[members[0] for members in MEMBERS]]
    expected = scores(texts.numpy()).max(1) - np.log(np.exp(scores(names)).sum(1))
    found = posterior.fit(condition, belief, torch.tensor(NEARNESS), shared, texts)
    np.testing.assert_allclose(found, expected, rtol=1e-8)
    shorter = posterior.fit(condition, belief, torch.tensor(NEARNESS), shared[:, :3], texts[:3])
    assert (shorter <= found + 1e-12).all()  # a list does not look better for being short


@pytest.mark.parametrize("read_outs", [1, 2, 3])
def test_the_read_outs_of_a_picture_are_pooled_as_log_probabilities(read_outs):
    posterior = CenterPosterior(WIDTH, 4, read_outs).double()
    posterior.weight.copy_(random(read_outs, WIDTH, 4))
    posterior.bias.copy_(random(read_outs, 4, seed=1))
    posterior.sharpness.fill_(1.7)
    shares = np.full(read_outs, 1 / read_outs)
    if posterior.shares is not None:
        shares = np.array([0.2, 0.3, 0.5])
        posterior.shares.copy_(torch.from_numpy(shares))
    condition = random(5, WIDTH, seed=2)
    pool = np.zeros((5, 4))
    for share, weight, bias in zip(shares, posterior.weight.numpy(), posterior.bias.numpy(), strict=True):
        logits = condition.numpy() @ weight + bias
        pool += share * (logits - np.log(np.exp(logits).sum(1, keepdims=True)))
    expected = np.exp(1.7 * pool) / np.exp(1.7 * pool).sum(1, keepdims=True)
    np.testing.assert_allclose(posterior(condition).exp(), expected, rtol=1e-9)


def test_a_constant_on_all_logits_of_a_read_out_changes_nothing():
    logits = random(2, 5, 4)
    torch.testing.assert_close(pooled(logits + torch.tensor([3.0, -8.0])[:, None, None], 1.0), pooled(logits, 1.0))


def test_a_map_learned_from_pairs_is_one_more_reading():
    learned = WordPosterior(WIDTH, DIM, len(MEMBERS), WORDS, 4, pair_width=5).double()
    assert learned.weights.shape == (5,)
    condition, belief, shared, texts = asked()
    found = learned.readings(condition, belief, shared, texts)
    place, pair_map = condition.numpy(), learned.pair_map
    linear = [
        part.detach().numpy()
        for layer in (pair_map.straight, pair_map.hidden, pair_map.out)
        for part in layer.parameters()
    ]
    hidden = place @ linear[2].T + linear[3]
    curved = torch.nn.functional.gelu(torch.from_numpy(hidden)).numpy() @ linear[4].T + linear[5]
    expected = unit(place @ linear[0].T + linear[1] + curved) @ unit(texts.numpy()).T
    np.testing.assert_allclose(found[:, :, 4].detach(), expected, atol=1e-9)
