"""What methods are trained toward: the text of the class or of the image itself; whitened rotations; the flow's bridge."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from seda.baselines import one_step_mlp, text_regression
from seda.baselines.flow_matching import bridge
from seda.baselines.one_step_mlp import OneStepMlp
from seda.baselines.text_regression import ProcrustesToText, RidgeToText, text_targets
from seda.evaluation.alignment import unit
from tests.baselines.toy import CLASSES, DIM, IMAGE_DIM, class_texts, drawn

RNG = np.random.default_rng(0)
TEXTS = class_texts()
TRAIN, VALIDATION, TEST = drawn(8, 1), drawn(4, 2), drawn(30, 3)
METHODS = (
    RidgeToText(target="image"),
    ProcrustesToText(target="image"),
    OneStepMlp(target="image", mixup=0.0, feature_noise=0.0),
)


@pytest.fixture(autouse=True)
def short_trainings(monkeypatch):
    monkeypatch.setattr("seda.baselines.network_training.MIN_STEPS", 150)


def with_own_texts(part, strength=3.0):
    """Texts that say more than the class: where the image lies within it, along a fixed map."""
    own = TEXTS.features[part.labels] + strength * ((part.image_features - 2) / 6) @ MAP
    return replace(part, image_text_features=own.astype(np.float32))


MAP = RNG.normal(size=(IMAGE_DIM, DIM)) / IMAGE_DIM**0.5


def test_image_means_the_class_where_images_have_no_texts():
    np.testing.assert_array_equal(text_targets(TRAIN, TEXTS, "image"), TEXTS.features[TRAIN.labels])
    own = with_own_texts(TRAIN)
    np.testing.assert_array_equal(text_targets(own, TEXTS, "image"), own.image_text_features)
    np.testing.assert_array_equal(text_targets(own, TEXTS, "class"), TEXTS.features[TRAIN.labels])


@pytest.mark.parametrize("method", METHODS, ids=lambda method: type(method).__name__)
def test_texts_of_images_pull_the_map_toward_them(method):
    train, test = with_own_texts(TRAIN), with_own_texts(TEST)
    wanted = unit(test.image_text_features - TEXTS.mean)

    def agreement(setting):
        mapped = setting.fit(train, TEXTS, VALIDATION).to_text_space(test.image_features)
        return (unit(mapped - TEXTS.mean) * wanted).sum(1).mean()

    assert agreement(method) > agreement(replace(method, target="class")) + 0.02
    without = replace(method).fit(TRAIN, TEXTS, VALIDATION).class_scores(TEST.image_features)
    as_class = replace(method, target="class").fit(TRAIN, TEXTS, VALIDATION).class_scores(TEST.image_features)
    np.testing.assert_array_equal(without, as_class)


def test_each_of_them_tries_texts_of_images():
    for settings in (
        text_regression.RIDGE_SETTINGS, text_regression.PROCRUSTES_SETTINGS, one_step_mlp.SETTINGS, one_step_mlp.CENTER_SETTINGS,
    ):  # fmt: skip
        assert [setting.target for setting in settings].count("image") == 1


def test_whitened_procrustes_against_the_formula():
    x = TRAIN.image_features.astype(np.float64)
    centred = x - x.mean(0)
    target = (TEXTS.features - TEXTS.mean)[TRAIN.labels]
    values, vectors = np.linalg.eigh(centred.T @ centred)
    penalty = 0.5 * np.square(np.linalg.svd(centred, compute_uv=False)).mean()
    root = vectors @ np.diag((values + penalty) ** -0.5) @ vectors.T
    left, _, right = np.linalg.svd(root @ centred.T @ target, full_matrices=False)
    wanted = root @ left[:, : CLASSES - 1] @ right[: CLASSES - 1]
    model = ProcrustesToText("raw", whitening=0.5).fit(TRAIN, TEXTS, VALIDATION)
    np.testing.assert_allclose(model.weight, wanted, atol=1e-4)
    np.testing.assert_allclose(model.to_text_space(x.mean(0)[None])[0], TEXTS.mean, atol=1e-4)
    crossed = ProcrustesToText("raw", power=1.0).fit(TRAIN, TEXTS, VALIDATION).weight
    covariance = x.T @ target
    np.testing.assert_allclose(crossed / np.linalg.norm(crossed), covariance / np.linalg.norm(covariance), atol=1e-4)


def test_the_bridge_moves_as_its_velocity_says_and_ends_at_the_text():
    x_0, x_1, drawn_noise = torch.randn(3, 5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    t = torch.linspace(0.05, 0.95, 5, dtype=torch.float64)[:, None]
    ahead, behind = (bridge(x_0, x_1, t + step, drawn_noise)[0] for step in (1e-6, -1e-6))
    torch.testing.assert_close(bridge(x_0, x_1, t, drawn_noise)[1], (ahead - behind) / 2e-6, rtol=1e-6, atol=1e-6)
    straight = bridge(x_0, x_1, torch.ones_like(t), torch.zeros_like(x_0))
    torch.testing.assert_close(straight[0], x_1)
    torch.testing.assert_close(straight[1], x_1 - x_0)


def test_the_first_weights_start_as_small_as_asked():
    sizes = [
        float(
            one_step_mlp._Network(IMAGE_DIM, OneStepMlp(start=start), torch.randn(CLASSES, DIM))
            .hidden[0]
            .weight.detach()
            .std()
        )
        for start in (1.0, 0.1)
    ]
    assert sizes[0] / sizes[1] == pytest.approx(10, rel=0.2)
