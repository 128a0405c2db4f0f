"""Learning where the text of a picture lies: `PairMap` by contrast, on drawings with names and around the categories' centers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from seda.models.word_posterior import PairMap

STEPS, BATCH = 500, 256
CENTER_SHARE = 0.35  # of a batch: features drawn around the categories' centers, which photographs taught
SHARPNESS = 12.0  # of the softmax over a batch, 1 / temperature
DROPOUT, LEARNING_RATE, WEIGHT_DECAY = 0.3, 1e-3, 0.05
SAME = 0.999  # cosine from which two texts are one: neither is the other's wrong answer


@dataclass(frozen=True, eq=False)
class CategoryFeatures:
    """What features of a category's pictures may be like, where there are no pictures.

    Attributes:
        centers: scaled [c, D].
        spread: [D, D], from standard normal draws to deviations.
        words: scaled text features [A, d].
        members: the words of each category [c, P], index into words.
        weights: what these are drawn by [c, P].
    """

    centers: Tensor
    spread: Tensor
    words: Tensor
    members: Tensor
    weights: Tensor

    def draw(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Features [count, D] around centers, and of each a word of its category [count, d]."""
        category = torch.randint(len(self.centers), (count,), generator=generator)
        noise = torch.randn(count, self.centers.shape[1], generator=generator)
        word = torch.multinomial(self.weights[category], 1, generator=generator)[:, 0]
        return self.centers[category] + noise @ self.spread.T, self.words[self.members[category, word]]


def learn_pair_map(
    condition: Tensor, texts: Tensor, categories: CategoryFeatures, width: int, *, seed: int = 0, steps: int = STEPS
) -> PairMap:
    """A map from scaled image features to the direction of their texts; the same seed gives the same map.

    Loss: the cross-entropy of which text belongs to which picture of a batch, both ways (InfoNCE, van den Oord et al.,
    arXiv:1807.03748; both ways as CLIP, Radford et al., arXiv:2103.00020). Pictures of one text share its probability.

    Args:
        condition: scaled image features [n, D] of pictures with texts of their own.
        texts: those, scaled [n, d].
        categories: fill CENTER_SHARE of every batch.
        width: hidden width of the map.
        seed: of its beginning, batches, noise and dropout.
        steps: batches.
    """
    normalize = nn.functional.normalize
    generator, drawn = torch.Generator().manual_seed(seed), int(BATCH * CENTER_SHARE)
    with torch.random.fork_rng(devices=[]):  # layers begin by it, and dropout takes no generator
        torch.manual_seed(seed)
        model = PairMap(condition.shape[1], texts.shape[1], width).train()
        optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, steps)
        for _ in range(steps):
            rows = torch.randint(len(condition), (BATCH - drawn,), generator=generator)
            around, words = categories.draw(drawn, generator)
            places = normalize(model(torch.cat([condition[rows], around]), DROPOUT), dim=1)
            own = normalize(torch.cat([texts[rows], words]), dim=1)
            same = (own @ own.T > SAME).float()
            scores = SHARPNESS * places @ own.T
            loss = sum(-(part.log_softmax(1) * same).sum(1).div(same.sum(1)).mean() for part in (scores, scores.T)) / 2
            optimizer.zero_grad()
            torch.as_tensor(loss).backward()
            optimizer.step()
            schedule.step()
    return model.eval().requires_grad_(False)
