"""None of these: a toy world of twelve things of three kinds, which a classifier knows without fail."""

from __future__ import annotations

import pytest
import torch

from seda.models.list_fit import Background, list_fit

KINDS, THINGS, DIM = 3, 12, 40


@pytest.fixture(scope="module")
def world() -> tuple[torch.Tensor, torch.Tensor]:
    """Words: the things and then their kinds; and of which words each thing is known by."""
    words = torch.nn.functional.normalize(
        torch.randn(THINGS + KINDS, DIM, generator=torch.Generator().manual_seed(0)), dim=1
    )
    members = torch.stack([torch.arange(THINGS), THINGS + torch.arange(THINGS) % KINDS], dim=1)
    return words, members


def fits(world, shown: torch.Tensor, listed: list[int], doubt: float = 0.01) -> torch.Tensor:
    """Fits of pictures of some things beside listed words; the classifier is sure but for `doubt`."""
    words, members = world
    belief = torch.full((len(shown), THINGS), doubt / THINGS)
    belief[torch.arange(len(shown)), shown] += 1 - doubt
    texts = words[listed]
    covers = (members[:, None] == torch.tensor(listed)[None, :, None]).any(2).float()  # [c, k]
    pooled = (belief @ covers + 1e-3).log().log_softmax(1)
    directions = torch.nn.functional.normalize(belief @ words[:THINGS], dim=1)[:, None]
    weights = torch.tensor([1.0, 2.0])
    return list_fit(Background.of(words, members), belief.log(), directions, weights, texts, pooled)


def test_a_list_that_holds_the_thing_or_its_kind_fits_and_another_does_not(world):
    shown = torch.arange(THINGS)
    for listed in ([0, 1, 2], [0, 1, 2, 3, 4, 5], [THINGS, 7], [THINGS + 1, THINGS + 2]):
        found = fits(world, shown, listed)
        right = torch.tensor([thing in listed or THINGS + thing % KINDS in listed for thing in range(THINGS)])
        assert found[right].min() > found[~right].max() + 1, listed


def test_one_threshold_does_for_short_and_long_lists(world):
    shown = torch.arange(THINGS)
    right = torch.cat([fits(world, shown[:1], list(range(count))) for count in range(1, 9)])
    wrong = torch.cat([fits(world, shown[-1:], list(range(count))) for count in range(1, 9)])
    assert right.min() > wrong.max()


def test_doubt_lowers_a_fit(world):
    shown = torch.tensor([0])
    sure, unsure = fits(world, shown, [0, 1, 2]), fits(world, shown, [0, 1, 2], doubt=0.9)
    assert float(sure) > float(unsure)


def test_two_names_of_one_thing_are_no_rivals(world):
    """A list in two languages is not less sure than one in one."""
    once, twice = fits(world, torch.tensor([0]), [0, 4, 8]), fits(world, torch.tensor([0]), [0, 0, 4, 4, 8, 8])
    torch.testing.assert_close(once, twice, atol=0.2, rtol=0)
    assert torch.isfinite(fits(world, torch.tensor([0]), [0])).all()  # a list of one


def test_no_pictures(world):
    assert fits(world, torch.empty(0, dtype=torch.int64), [0, 1]).shape == (0,)
