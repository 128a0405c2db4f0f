"""Noise and mixup of training inputs."""

import pytest
import torch

from seda.training.augmentation import Mixup, noised


def seeded():
    return torch.Generator().manual_seed(0)


def test_noise_is_at_most_as_strong_as_asked_in_units_of_the_features():
    features, std = torch.zeros(2000, 50), torch.linspace(0.5, 2, 50)
    found = noised(features, std, 3.0, seeded()) / std
    strengths = found.std(1)
    assert float(strengths.min()) > 0 and float(strengths.max()) < 3 * 1.4  # 1.4: of the estimate
    assert float(strengths.mean()) == pytest.approx(1.5, rel=0.05)
    assert torch.equal(noised(features, std, 0.0, seeded()), features)


def test_mixup_mixes_all_rows_of_an_item_alike():
    blend = Mixup.drawn(1000, 0.4, seeded())
    rows, others = torch.randn(1000, 3, generator=seeded()), torch.randn(1000, 7, generator=seeded())
    for part in (rows, others):
        expected = blend.share[:, None] * part + (1 - blend.share)[:, None] * part[blend.partner]
        torch.testing.assert_close(blend(part), expected)
    assert torch.equal(blend.partner.sort().values, torch.arange(1000))
    # Beta(a, a) has mean 1/2 and variance 1 / (4 (2 a + 1))
    assert float(blend.share.mean()) == pytest.approx(0.5, abs=0.05)
    assert float(blend.share.var()) == pytest.approx(1 / (4 * 1.8), rel=0.1)


def test_without_mixup_nothing_is_mixed():
    rows = torch.randn(20, 3, generator=seeded())
    assert torch.equal(Mixup.drawn(20, 0.0, seeded())(rows), rows)
