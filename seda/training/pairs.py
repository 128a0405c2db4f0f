"""What denoisers are trained on: labelled items, or drawings with names and features around known categories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from seda.aligner import Aligner
from seda.models.word_posterior import PairMap
from seda.storage import fingerprint
from seda.training.denoisers import FOLDS, Pairs

LEAST = 2  # texts of a list


def drawn_lists(own: Tensor, count: int, share: float, generator: torch.Generator) -> Tensor:
    """A random list of texts for each item: bool [n, count], which of the texts are on it.

    Lists are of all lengths: in the mean from LEAST texts to all of them, each order of magnitude as often as any other, as a
    user's list may be short or long. Whatever its length, an item's own text [n] is on it with the share.
    """
    sizes = LEAST * (max(count, LEAST) / LEAST) ** torch.rand(len(own), 1, generator=generator)
    visible = torch.rand(len(own), count, generator=generator) < sizes / max(count, 1)
    return visible.scatter(1, own[:, None], torch.rand(len(own), 1, generator=generator) < share)


@dataclass(frozen=True, eq=False)
class LabelledPairs:
    """Items of known classes; the text of each is one of its class's phrasings, or, half of the time, its own where it has one.

    The list of an item holds texts of the batch, phrasings of one class among them: a path ends at the one that is listed.

    Attributes:
        visual, condition: scaled features [n, d] and [n, D].
        labels: [n].
        belief: log p(class | item) [n, c], of the training items by what was not fitted to them.
        phrases: scaled [c, p, d].
        own_texts: scaled [n, d], or None.
        training, held_out: indices of items.
        listed_share: see `TrainingConfig`.
    """

    visual: Tensor
    condition: Tensor
    labels: Tensor
    belief: Tensor
    phrases: Tensor
    own_texts: Tensor | None
    training: Tensor
    held_out: Tensor
    listed_share: float
    condition_std: Tensor = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "condition_std", self.condition[self.training].std(0))

    def draw(self, count: int, generator: torch.Generator, *, held_out: bool = False) -> Pairs:
        """Pairs of which every class is as likely as its share of the items."""
        pool = self.held_out if held_out else self.training
        index = pool[torch.randint(len(pool), (count,), generator=generator)]
        labels = self.labels[index]
        # another item of the class, always one that training may see
        by_class, counts = self._by_class
        starts = counts.cumsum(0) - counts
        drawn = (torch.rand(count, generator=generator) * counts[labels]).long()
        mates = by_class[starts[labels] + drawn]

        about = {
            "visual": self.visual[index], "condition": self.condition[index], "category": labels,
            "belief": self.belief[index], "mate": self.visual[mates], "fold": index % FOLDS,
        }  # fmt: skip
        said = torch.randint(self.phrases.shape[1], (count,), generator=generator)
        text = self.phrases[labels, said]
        if self.own_texts is not None:
            own_text = torch.rand(count, 1, generator=generator) < 0.5
            text = torch.where(own_text, self.own_texts[index], text)
        bank, own = torch.unique(text, dim=0, return_inverse=True)
        visible = drawn_lists(own, len(bank), self.listed_share, generator)
        return Pairs(**about, text=text, bank=bank, own=own, visible=visible)

    @cached_property
    def _by_class(self) -> tuple[Tensor, Tensor]:
        """Training items, class by class, and how many each class has."""
        labels = self.labels[self.training]
        return self.training[labels.argsort(stable=True)], torch.bincount(labels, minlength=len(self.phrases))

    def identity(self) -> str:
        """Of all that is drawn from."""
        arrays = (
            self.visual,
            self.condition,
            self.labels,
            self.belief,
            self.phrases,
            self.own_texts,
            self.training,
            self.held_out,
        )
        return fingerprint([self.listed_share, *(part.numpy() for part in arrays if part is not None)])


@dataclass(frozen=True, eq=False)
class OpenPairs:
    """Drawings with their names, and features drawn around the centers of known categories with their words.

    Of the drawings a part goes with a word of a category that stage 1 believes in instead of its name: names are few, words
    many. No picture is there around a center: its features are the center and noise with the covariance of the drawings.

    Attributes:
        condition, visual: of the drawings, scaled [n, D] and [n, d].
        names: scaled text features of the drawings' names [n, d].
        belief: p(category | drawing) [n, c].
        fold: of each drawing [n]; drawings of one name are in one.
        training, held_out: indices of drawings; no name is in both.
        centers: of the categories, as the encoder gives features [c, D].
        deviation: lower triangle of the covariance around them [D, D].
        words: scaled [A, d]; members [c, P] of each category, with weights [c, P] that sum to 1.
        aligner: whose scalers take what is drawn around centers.
        listed_share: see `TrainingConfig`.
        pair_maps: for the drawings of each fold a map learned without them, and last one for those that are held out and for what
            is drawn around centers; none where stage 2 is not told a place.
        around: share of a batch that is drawn around centers; believed: share of the drawings that go with a word.
    """

    aligner: Aligner
    condition: Tensor
    visual: Tensor
    names: Tensor
    belief: Tensor
    fold: Tensor
    training: Tensor
    held_out: Tensor
    centers: Tensor
    deviation: Tensor
    words: Tensor
    members: Tensor
    word_weights: Tensor
    listed_share: float
    pair_maps: Sequence[PairMap] = ()
    around: float = 0.5
    believed: float = 0.25
    condition_std: Tensor = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "condition_std", self.condition[self.training].std(0))

    def draw(self, count: int, generator: torch.Generator, *, held_out: bool = False) -> Pairs:
        """Drawings and what was drawn around centers, in shares of the batch."""
        pool = self.held_out if held_out else self.training
        from_centers = int(count * self.around)
        index = pool[torch.randint(len(pool), (count - from_centers,), generator=generator)]
        believed = torch.multinomial(self.belief[index], 1, generator=generator)[:, 0]
        text = self.names[index]
        swap = torch.rand(len(index), generator=generator) < self.believed
        text = torch.where(swap[:, None], self._word(believed, generator), text)

        category = torch.randint(len(self.centers), (from_centers,), generator=generator)
        drawn = self._around(category, generator)
        both = torch.cat([believed, category])
        texts = torch.cat([text, self._word(category, generator)])
        bank, own = torch.unique(texts, dim=0, return_inverse=True)
        condition = torch.cat([self.condition[index], self.aligner.condition_scaler(drawn)])
        fold = torch.cat([self.fold[index], torch.full_like(category, -1)])
        return Pairs(
            visual=torch.cat([self.visual[index], self.aligner.image_scaler(drawn)]),
            condition=condition,
            category=both,
            belief=self.aligner.learner.center_posterior(condition),
            mate=self.aligner.image_scaler(self._around(both, generator)),
            text=texts,
            fold=fold,
            bank=bank,
            own=own,
            visible=drawn_lists(own, len(bank), self.listed_share, generator),
            place=self._place(condition, torch.full_like(fold, -1) if held_out else fold),
        )

    @torch.no_grad()
    def _place(self, condition: Tensor, fold: Tensor) -> Tensor | None:
        """By the map of each item's fold; -1 is the last [n, d]."""
        if not self.pair_maps:
            return None
        place = self.pair_maps[-1](condition)
        for number, pair_map in enumerate(self.pair_maps[:-1]):
            rows = fold == number
            place[rows] = pair_map(condition[rows])
        return place

    def _around(self, category: Tensor, generator: torch.Generator) -> Tensor:
        """Features [n, D] like those of pictures of categories [n]; what is negative becomes 0, as activations are."""
        noise = torch.randn(len(category), len(self.deviation), generator=generator)
        return (self.centers[category] + noise @ self.deviation.T).clamp_min(0)

    def _word(self, category: Tensor, generator: torch.Generator) -> Tensor:
        """A word of each category [n], by its weight [n, d]."""
        which = torch.multinomial(self.word_weights[category], 1, generator=generator)
        return self.words[self.members[category].gather(1, which)[:, 0]]

    def identity(self) -> str:
        """Of all that is drawn from."""
        arrays = (
            self.condition, self.visual, self.names, self.belief, self.training, self.held_out, self.centers,
            self.deviation, self.words, self.members, self.word_weights,
            *(weight for pair_map in self.pair_maps for weight in pair_map.parameters()),
        )  # fmt: skip
        return fingerprint([self.listed_share, self.around, self.believed, *(part.numpy() for part in arrays)])
