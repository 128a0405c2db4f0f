"""What every aligner for any words is made of that needs no gradient step: an empty frame, a head, ridge maps, the pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import torch
from torch import Tensor

from seda.aligner import Aligner
from seda.config import ModelConfig
from seda.models.word_posterior import PairMap, WordPosterior


class _Sizes(TypedDict):
    width: int
    heads: int
    blocks: int
    prior_width: int
    power: float


# The networks are as small as they may be: they are not trained, and the closed forms answer alone
MODEL: _Sizes = {"width": 32, "heads": 2, "blocks": 1, "prior_width": 8, "power": 1.0}
WRONGLY_REFUSED = 0.1  # chosen here: a warning that cries wolf is not read
# What the screen begins with
SUGGESTED: tuple[str, ...] = ("cat", "dog", "bird", "insect", "flower", "fruit", "food or drink", "vehicle", "person")
SUGGESTED += ("building", "musical instrument", "landscape")
FIRST_WEIGHTS = (1.0, 2.0, 3.0, 8.0, 8.0)  # of the readings, where the search begins


@dataclass(frozen=True, eq=False)
class Held:
    """Pictures that nothing is fitted to, and lists of texts that they are to be told by.

    Attributes:
        condition: scaled image features [n, D].
        belief: stage 1's log p(category | v) [n, c].
        texts: scaled [k, d].
        labels: the right text of each picture [n].
        weight: in the mean over lists.
        maps: fitted without these pictures; None for the final ones.
        pair_map: learned without them; None for the final one.
    """

    condition: Tensor
    belief: Tensor
    texts: Tensor
    labels: Tensor
    weight: float
    maps: tuple[Tensor, Tensor] | None = None
    pair_map: PairMap | None = None


def untrained_aligner(model: ModelConfig, class_count: int) -> Aligner:
    """A frame whose networks are switched off; always the same one."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        aligner = Aligner(model, class_count).eval().requires_grad_(False)
    for stage in (aligner.learner, aligner.translator):  # nothing is learned by gradient
        stage.prior.residual_share.zero_()
    return aligner


def word_posterior_of(aligner: Aligner) -> WordPosterior:
    """Of an aligner for any words, which has one."""
    posterior = aligner.translator.word_posterior
    assert posterior is not None, "The aligner is not one for any words."
    return posterior


def set_head(aligner: Aligner, weight: Tensor, bias: Tensor) -> None:
    """Make stage 1's belief softmax(W u + b) of unscaled features u, with W [c, D] and b [c]."""
    scaler = aligner.condition_scaler
    unit = scaler.scale / scaler.typical_norm  # u = condition / unit + mean
    head = aligner.learner.center_posterior
    head.weight[0] = weight.T / unit
    head.bias[0] = bias + weight @ scaler.mean


def belief_of(aligner: Aligner, condition: Tensor) -> Tensor:
    """Stage 1's log p(category | v) [n, c] of scaled features [n, D]."""
    return aligner.learner.belief(condition, aligner.class_centers)


def ridge(x: Tensor, y: Tensor, penalty: float) -> tuple[Tensor, Tensor]:
    """Weight [D, d] and bias [d] of ridge regression; the penalty is in units of the rows' mean squared length."""
    from sklearn.linear_model import Ridge

    scale = float((x - x.mean(0)).square().sum(1).mean())
    fitted = Ridge(alpha=penalty * scale, solver="cholesky").fit(x.double().numpy(), y.double().numpy())
    return torch.from_numpy(fitted.coef_.T.copy()).float(), torch.from_numpy(fitted.intercept_).float()


@torch.no_grad()
def readings_of(aligner: Aligner, held: Held) -> Tensor:
    """The word posterior's readings [n, k, r] of held-out pictures."""
    posterior = word_posterior_of(aligner)
    kept = posterior.maps, posterior.map_bias, posterior.pair_map
    if held.maps is not None:
        posterior.maps, posterior.map_bias = held.maps
    if held.pair_map is not None:
        posterior.pair_map = held.pair_map
    shared = aligner.translator.carry_over(held.belief, held.texts)
    found = posterior.readings(held.condition, held.belief, shared, held.texts)
    posterior.maps, posterior.map_bias, posterior.pair_map = kept
    return found


def most_likely_weights(held: Sequence[Held], readings: Sequence[Tensor], *, signed: bool = True) -> Tensor:
    """The pool's weights [r] of the largest likelihood on held-out pictures, by their readings [n, k, r] of each list.

    Without `signed` none is negative.
    """
    first = torch.tensor(FIRST_WEIGHTS[: readings[0].shape[2]])
    free = (first if signed else first.sqrt()).requires_grad_()
    optimizer = torch.optim.LBFGS([free], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        weights = free if signed else free.square()
        losses = (
            one.weight * torch.nn.functional.cross_entropy(read @ weights, one.labels)
            for one, read in zip(held, readings, strict=True)
        )
        total = sum(losses, torch.zeros(()))
        optimizer.zero_grad()
        total.backward()
        return total

    optimizer.step(loss)
    weights = free.detach()
    return (weights if signed else weights.square()).half().float()


def losses_of(weights: Tensor, held: Sequence[Held], readings: Sequence[Tensor]) -> list[float]:
    """Negative log-likelihood of each list under these weights, nats."""
    return [
        float(torch.nn.functional.cross_entropy(read @ weights, one.labels))
        for one, read in zip(held, readings, strict=True)
    ]


@torch.no_grad()
def fit_of(aligner: Aligner, condition: Tensor, belief: Tensor, texts: Tensor) -> Tensor:
    """How well the best of the texts fits each picture [n], see `WordPosterior.fit`."""
    shared = aligner.translator.carry_over(belief, texts)
    return word_posterior_of(aligner).fit(condition, belief, aligner.translator.log_nearness.exp(), shared, texts)


def set_least_fit(
    aligner: Aligner, right: Sequence[Tensor], wrong: Sequence[Tensor], refused: float = WRONGLY_REFUSED
) -> dict[str, float]:
    """Set the fit below which "none of these" is said, so that a share of the right is refused; kinds of lists count alike.

    Args:
        right: for each kind of lists fits [n] of pictures beside lists with their text, which should be accepted.
        wrong: the same beside lists without it, which should be refused.
        refused: that share.
    Returns:
        the shares of both errors, for the card.
    """
    least = float(torch.stack([part.quantile(refused) for part in right]).mean().half())
    word_posterior_of(aligner).least_fit.fill_(least)
    errors = (
        ("validation_wrongly_refused", [(part < least).float().mean() for part in right]),
        ("validation_wrongly_accepted", [(part >= least).float().mean() for part in wrong]),
    )
    return {name: float(torch.stack(shares).mean()) for name, shares in errors}


def round_to_half(aligner: Aligner) -> None:
    """Everything to half precision, as it is saved, so that a loaded aligner equals this one."""
    for value in aligner.state_dict().values():
        if value.dtype == torch.float32:
            value.copy_(value.half().float())
