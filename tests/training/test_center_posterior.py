"""The closed-form belief against scikit-learn, and whether its answers for training images are unseen ones."""

import numpy as np
import pytest
import torch
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge

from seda.evaluation.classification import fit_temperature
from seda.models.center_posterior import CenterPosterior
from seda.training.closed_form import FEW_PENALTIES, PENALTIES, _gaussian, _ridges, _Rows, fit_center_posterior

CLASSES, WIDTH = 3, 30
CENTERS = np.random.default_rng(0).normal(size=(CLASSES, WIDTH))


def drawn(count, seed, spread=2.5):
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % CLASSES
    return CENTERS[labels] + spread * rng.normal(size=(count, WIDTH)), labels


def fitted(count, held_out=30):
    posterior = CenterPosterior(WIDTH, CLASSES)
    (x, y), (v, w) = drawn(count, 1), drawn(held_out, 2)
    tensors = (torch.from_numpy(part) for part in (x.astype(np.float32), y, v.astype(np.float32), w))
    return posterior, fit_center_posterior(posterior, *tensors, seed=0), x, y


@pytest.mark.parametrize("count", [18, 120])  # fewer images than dimensions, and more
def test_both_read_outs_are_scikit_learns(count):
    x, y = drawn(count, 1)
    weight, bias = _ridges(_Rows.of(x), y, CLASSES, PENALTIES)[1]
    centred = x - x.mean(0)
    ridge = Ridge(alpha=PENALTIES[1] * np.square(centred).sum() / len(x)).fit(x, np.eye(CLASSES)[y])
    np.testing.assert_allclose(x @ weight + bias, ridge.predict(x), atol=1e-8)

    means = np.stack([x[y == label].mean(0) for label in range(CLASSES)])
    within = x - means[y]
    shrinkage = ledoit_wolf_shrinkage(within, assume_centered=True)
    weight, bias = _gaussian(_Rows.of(x), y, CLASSES, shrinkage)
    covariance = (1 - shrinkage) * within.T @ within / count
    covariance += shrinkage * np.square(within).sum() / within.size * np.eye(WIDTH)
    theirs = LinearDiscriminantAnalysis(solver="lsqr", covariance_estimator=_Given(covariance)).fit(x, y)
    np.testing.assert_allclose((x @ weight + bias), theirs.decision_function(x), rtol=1e-6, atol=1e-6)


class _Given:
    """scikit-learn estimates a covariance a class and averages them: this one says the shared one each time."""

    def __init__(self, covariance):
        self.covariance_ = covariance

    def fit(self, _):
        return self


@pytest.mark.parametrize("count", [24, 150])
def test_what_it_says_of_training_images_is_what_it_would_say_unseen(count):
    posterior, unseen, x, y = fitted(count)
    fresh, truth = drawn(3000, 7)
    said = posterior(torch.from_numpy(fresh.astype(np.float32)))
    seen = posterior(torch.from_numpy(x.astype(np.float32)))
    accuracy = [
        float((part.argmax(1).numpy() == labels).mean()) for part, labels in ((unseen, y), (said, truth), (seen, y))
    ]
    assert accuracy[2] > accuracy[1] + 0.02  # it knows what it was fitted to better
    assert abs(accuracy[0] - accuracy[1]) < 0.15
    torch.testing.assert_close(said.exp().sum(1), torch.ones(3000))


def test_shuffled_labels_are_chance_for_unseen_answers():
    x, y = drawn(300, 1)
    y = np.random.default_rng(3).permutation(y)
    posterior = CenterPosterior(WIDTH, CLASSES)
    held_out, labels = drawn(30, 2)
    unseen = fit_center_posterior(
        posterior, torch.from_numpy(x).float(), torch.from_numpy(y), torch.from_numpy(held_out).float(),
        torch.from_numpy(labels), seed=0,
    )  # fmt: skip
    assert abs(float((unseen.argmax(1).numpy() == y).mean()) - 1 / CLASSES) < 0.1


@pytest.mark.parametrize("images", [1, 2, 3])
def test_few_images_a_category_leave_no_false_certainty(images):
    """With two images a fold has one left, whose scatter is another quantity: its temperature was 50 nats off."""
    posterior, unseen, *_ = fitted(images * CLASSES)
    assert unseen.shape == (images * CLASSES, CLASSES) and torch.isfinite(posterior.weight).all()
    fresh, truth = drawn(600, 7)
    said = posterior(torch.from_numpy(fresh).float())
    assert float((said.argmax(1).numpy() == truth).mean()) > 0.45
    assert float(-said[torch.arange(600), torch.from_numpy(truth)].mean()) < 1.3  # log 3 is 1.1


@pytest.mark.parametrize("images", [1, 2])
def test_without_folds_validation_images_choose_the_penalty(images):
    x, y = drawn(images * CLASSES, 1)
    x, y = torch.from_numpy(x).float(), torch.from_numpy(y)
    ridges = _ridges(_Rows.of(x.double().numpy()), y.numpy(), CLASSES, FEW_PENALTIES)
    chosen = set()
    for seed in (10, 11, 16):
        held_out, labels = drawn(12, seed)
        losses = [fit_temperature(held_out @ weight + bias, labels)[1] for weight, bias in ridges]
        best = int(np.argmin(losses))
        posterior = CenterPosterior(WIDTH, CLASSES)
        fit_center_posterior(posterior, x, y, torch.from_numpy(held_out).float(), torch.from_numpy(labels), seed=0)
        kept = posterior.weight[1].double().numpy()  # the ridge, but for its temperature
        np.testing.assert_allclose(
            kept / np.linalg.norm(kept), ridges[best][0] / np.linalg.norm(ridges[best][0]), atol=1e-6
        )
        chosen.add(best)
    assert len(chosen) > 1


@pytest.mark.parametrize("count", [CLASSES, 120])  # one image a class, judged by validation images, and many
def test_a_zero_shot_read_out_has_the_share_that_its_answers_deserve(count):
    shares = {}
    for name, centers in (("true", CENTERS), ("useless", np.roll(CENTERS, 1, axis=0))):
        posterior = CenterPosterior(WIDTH, CLASSES, 3)
        (x, y), (v, w), (test, labels) = drawn(count, 1), drawn(30, 2), drawn(600, 3)
        parts = (torch.from_numpy(part) for part in (x.astype(np.float32), y, v.astype(np.float32), w))
        head = centers.T, -np.square(centers).sum(1) / 2
        unseen = fit_center_posterior(posterior, *parts, seed=0, zero_shot=head)
        assert unseen.shape == (count, CLASSES) and float(posterior.shares.sum()) == 1
        torch.testing.assert_close(unseen.exp().sum(1), torch.ones(count))
        shares[name] = float(posterior.shares[2])
        if name == "true":
            best = float(((test @ head[0] + head[1]).argmax(1) == labels).mean())
            found = posterior(torch.from_numpy(test).float()).argmax(1).numpy()
            assert (found == labels).mean() > best - 0.03
    assert shares["true"] >= 0.5 and shares["useless"] == 0


def test_two_read_outs_keep_no_shares():
    assert "shares" not in CenterPosterior(WIDTH, CLASSES).state_dict()
