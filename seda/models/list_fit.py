"""How sure it is that a list of words holds what a picture shows: the score behind "none of these"."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

# Chosen on both halves of the photographs of docs/open-vocabulary.md, in ranges that came out alike: what is measured on these is a
# little too good by that. The weights that they go with are chosen by likelihood, and the threshold, on one half
STEEPNESS, ENOUGH = 20.0, 0.7  # a word covers a category where its likeness exceeds ENOUGH
# power of a text's largest cosine to a word of a category, which its cosines are divided by; and the least such cosine
KNOWN, LEAST_KNOWN = 0.6, 0.3
SIZE = 0.5  # how much less a word is worth for covering many categories: power of their number
MISSED = 1e-3  # of a coverage, as stage 1 may be wrong
BEST = 1.0  # nats by which the best listed word itself counts, beside what the list covers
LENGTH = 0.9  # how much of what a list covers anyway is taken off; 1 is a likelihood ratio
LEAD, MOST_LEAD = 0.3, 4.0  # weight of the best word's lead over the next that means something else; nats
NO_RIVAL = 1.0  # the lead where all listed words mean the same, or there is one only


@dataclass(frozen=True, eq=False)
class Background:
    """What every word of every category covers; the same for all lists.

    Attributes:
        words: of length 1 [A, d].
        covers: in 0 to 1, by likeness [A, c].
        shares: 1 / their number for each of the categories that have the word among theirs, else 0 [A, c].
        members: the words of each category [c, P].
    """

    words: Tensor
    covers: Tensor
    shares: Tensor
    members: Tensor

    @classmethod
    def of(cls, words: Tensor, members: Tensor) -> Background:
        """From scaled words [A, d] and the words of each category [c, P]."""
        unit = torch.nn.functional.normalize(words, dim=1)
        below = words.new_zeros(len(words), len(members))
        for column in members.T:
            below[column, torch.arange(len(members), device=words.device)] = 1
        covers = torch.sigmoid(STEEPNESS * (likeness_of(unit @ unit.T, members) - ENOUGH))
        return cls(unit, covers, below / below.sum(1, keepdim=True).clamp_min(1), members)


def list_fit(
    background: Background, belief: Tensor, directions: Tensor, weights: Tensor, texts: Tensor, pooled: Tensor
) -> Tensor:
    """Log odds, up to a constant, that a list holds the right word for each picture [n].

    Every word w of every category is a hypothesis of what the picture shows, p(w | v) ~ exp S(w) with

        S(w) = w_0 log( sum_c p(c | v) cover(w, c) + MISSED ) - SIZE log( 1 + sum_c cover(w, c) ) + sum_i w_i cos( z_i, t_w )

    and the listed words explain a share r(w) of it: the largest, over the list, of the share of w's categories that a listed word
    covers, and of how near it lies to w. A listed text that the categories' words say little of has its cosines divided by the
    largest of them, so that its next of kin count as explained. Then

        fit = log( sum_w p(w | v) r(w) + e^BEST max_k p(k | v) ) - log sum_w p(w | v) (1 - r(w))    p(k | v) ~ exp S(k)
              - LENGTH logit( mean_w r(w) )       a long or wide list covers much of anything
              + LEAD min( lead, MOST_LEAD )       of the best listed word over the next that means something else

    Args:
        background: see there.
        belief: stage 1's log p(category | v) [n, c].
        directions: z_i, of length 1 [n, r - 1, d]: where the pool's other readings place the picture.
        weights: of the pool [r].
        texts: scaled [k, d].
        pooled: the answer, log p(k | v) [n, k].
    """
    unit = torch.nn.functional.normalize(texts, dim=1)
    cosines = unit @ background.words.T  # [k, A]
    cosines = cosines / cosines.amax(1, keepdim=True).clamp_min(LEAST_KNOWN) ** KNOWN
    cover = torch.sigmoid(STEEPNESS * (likeness_of(cosines, background.members) - ENOUGH))  # [k, c]
    related = torch.maximum(cover @ background.shares.T, torch.sigmoid(STEEPNESS * (cosines - ENOUGH)))
    explained = related.amax(0).clamp(1e-6, 1 - 1e-6)  # [A]
    chances, towards = belief.exp(), torch.einsum("i,nid->nd", weights[1:], directions)

    def scores(covers: Tensor, words: Tensor) -> Tensor:
        shown = (chances @ covers.T + MISSED).log() * weights[0]
        return shown - SIZE * (covers.sum(1) + 1).log() + towards @ words.T

    hypotheses = scores(background.covers, background.words)  # [n, A]
    best = scores(cover, unit).amax(1)
    inside = torch.logaddexp((hypotheses + explained.log()).logsumexp(1), best + BEST)
    outside = (hypotheses + (1 - explained).log()).logsumexp(1)
    return inside - outside - LENGTH * torch.logit(explained.mean()) + LEAD * _lead(pooled, unit, cover)


def _lead(pooled: Tensor, unit: Tensor, cover: Tensor) -> Tensor:
    """By how much the best listed word leads the next that does not mean the same [n], at most MOST_LEAD."""
    sizes = cover.sum(1)
    same = cover @ cover.T / torch.minimum(sizes[:, None], sizes).clamp_min(0.5) > 0.5
    same |= unit @ unit.T > ENOUGH
    same.fill_diagonal_(True)
    rival = pooled.masked_fill(same[pooled.argmax(1)], float("-inf")).amax(1)
    lead = (pooled.amax(1) - rival).clamp_max(MOST_LEAD)
    return torch.where(rival.isinf(), NO_RIVAL, lead)


def likeness_of(cosines: Tensor, members: Tensor) -> Tensor:
    """The largest [k, c] of each category's words, of cosines [k, A]; a word at a time, as [k, c, P] would be large."""
    by_word = cosines.T.contiguous()  # [A, k]: taking rows is three times as fast as taking columns
    first, *others = members.T
    found = by_word[first]
    for column in others:
        torch.maximum(found, by_word[column], out=found)
    return found.T.contiguous()
