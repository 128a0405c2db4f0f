"""WordPosterior: p(text | picture) for any words, in closed form; where stage 2's belief begins in an open vocabulary."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seda.models.list_fit import Background, likeness_of, list_fit

READINGS = ("shared out", "mean text", "from centers", "from pairs")
# of a kind in a category's text, by each step up to it. Chosen on photographs: .3 to .7 came out alike
STEP_WEIGHT = 0.5
FLOOR = 1e-6  # of a probability, so that its logarithm is finite


class PairMap(nn.Module):
    """Pictures to texts, learned by contrast: the text of a picture shall lie nearer to its place than other pictures' texts.

    m(v) = A v + W_2 gelu(W_1 v + b_1) + b_2. One linear map can turn and stretch; this one can tell apart what has to be told
    apart, and forgets what the squared error of a ridge map would spend itself on.

    Shapes: n images, D width of their scaled features, h hidden width, d width of text features.
    """

    def __init__(self, condition_dim: int, dim: int, width: int) -> None:
        super().__init__()
        self.straight = nn.Linear(condition_dim, dim)
        self.hidden = nn.Linear(condition_dim, width)
        self.out = nn.Linear(width, dim)

    def forward(self, condition: Tensor, dropout: float = 0.0) -> Tensor:
        """Places [n, d] of scaled image features [n, D]; `dropout` is of the curved part's inputs, in training."""
        dropped = nn.functional.dropout(condition, dropout) if dropout else condition
        hidden = nn.functional.gelu(self.hidden(dropped))
        return self.straight(condition) + self.out(nn.functional.dropout(hidden, dropout) if dropout else hidden)


class WordPosterior(nn.Module):
    """Four readings of a picture in closed form, and a learned one where there are many pairs, pooled with weights w:

        log p(k | v) = w_0 log sum_c p(c | v) q(c | k) / sum_k' q(c | k')     shared out: stage 1's belief, by likeness
                     + w_1 cos( sum_c p(c | v) t_c, t_k )                     mean text: ConSE
                     + w_2 cos( A v, t_k )                                    from centers: ridge from category centers
                     + w_3 cos( B v, t_k )                                    from pairs: ridge from pictures with names
                     + w_4 cos( m(v), t_k ) + constant                        learned from pairs: `PairMap`

    The first two know what a classifier of c categories knows, and carry it over to words by how words are like each other;
    the others know only directions in the image features. They err differently, which is what pooling is good for. The
    weights are chosen by likelihood on held-out pairs.

    Texts are scaled, so cosines are between centred text features. Where text features had length 1 before they were centred, their
    length after it is known from their direction; then a cosine is multiplied by it, cos(v, t_k) |t_k|: what all texts of a list
    share changes nothing, and w_2 alone can be the softmax of an encoder that was trained on pairs. A category is known by several words: its name, its
    synonyms, and what it is a kind of ("retriever", "dog", "mammal"), so that a user's "mammal" is like all mammals.

    Shapes: n images, D width of their scaled features, d width of text features, c categories, k texts, A words, P words
    of a category.
    Source: ConSE, Norouzi et al., arXiv:1312.5650.
    """

    text_mean: Tensor | None
    words: Tensor
    members: Tensor
    steps: Tensor
    maps: Tensor
    map_bias: Tensor
    weights: Tensor
    least_fit: Tensor

    def __init__(
        self, condition_dim: int, dim: int, class_count: int, words: int, per_category: int, unit_texts: bool = False,
        pair_width: int = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        # of texts of length 1, which is then taken from them
        self.register_buffer("text_mean", torch.zeros(dim) if unit_texts else None)
        self.register_buffer("words", torch.zeros(words, dim))  # scaled
        self.register_buffer("members", torch.zeros(class_count, per_category, dtype=torch.int64))  # repeats fill a row
        self.register_buffer("steps", torch.zeros(class_count, per_category, dtype=torch.int64))
        self.register_buffer("maps", torch.zeros(2, condition_dim, dim))
        self.register_buffer("map_bias", torch.zeros(2, dim))
        self.pair_map = PairMap(condition_dim, dim, pair_width) if pair_width else None
        self.register_buffer("weights", torch.ones(len(READINGS) + (pair_width > 0)))
        self._background: tuple[object, Background] | None = None
        self.register_buffer("least_fit", torch.zeros(()))  # of the best text of a list, for the list to fit

    @property
    def category_texts(self) -> Tensor:
        """One text feature a category [c, d]: its name and, ever less, its kinds; centred over categories."""
        first = torch.ones_like(self.members, dtype=torch.bool)
        first[:, 1:] = self.steps[:, 1:] > self.steps[:, :-1]  # one word a step; repeats fall no further
        weight = (STEP_WEIGHT**self.steps) * first * (self.steps <= 4)
        texts = nn.functional.normalize(self.words, dim=1)[self.members]  # [c, P, d]
        mixed = nn.functional.normalize((weight.unsqueeze(2) * texts).sum(1), dim=1)
        return mixed - mixed.mean(0)

    def likeness(self, texts: Tensor) -> Tensor:
        """Cosine [k, c] of each text [k, d] to the word of each category that is most like it."""
        cosines = nn.functional.normalize(texts, dim=1) @ nn.functional.normalize(self.words, dim=1).T  # [k, A]
        return likeness_of(cosines, self.members)

    def readings(self, condition: Tensor, belief: Tensor, shared: Tensor, texts: Tensor) -> Tensor:
        """The r readings [n, k, r], 4 or 5; `forward` is their weighted sum, normalised.

        Args:
            condition: scaled image features [n, D].
            belief: stage 1's log p(category | v) [n, c].
            shared: the belief shared out among the texts, log probabilities [n, k].
            texts: scaled [k, d].
        """
        return self._readings_at(self.directions(condition, belief), shared, texts)

    def _readings_at(self, places: Tensor, shared: Tensor, texts: Tensor) -> Tensor:
        """`readings` of pictures by their `directions` [n, r - 1, d]."""
        unit = self._as_they_were(nn.functional.normalize(texts, dim=1))
        return torch.cat([shared.clamp_min(FLOOR_LOG).unsqueeze(2), (places @ unit.T).transpose(1, 2)], dim=2)

    def directions(self, condition: Tensor, belief: Tensor) -> Tensor:
        """Where all readings but the first place the pictures, of length 1 [n, r - 1, d]; arguments as for `readings`."""
        places = [belief.exp() @ self.category_texts]
        places += [condition @ weight + bias for weight, bias in zip(self.maps, self.map_bias, strict=True)]
        if self.pair_map is not None:
            places.append(self.pair_map(condition))
        return nn.functional.normalize(torch.stack(places, dim=1), dim=2)

    def _as_they_were(self, directions: Tensor) -> Tensor:
        """Centred texts by their directions [k, d]: of length 1, or of that which makes them 1 long with the mean again."""
        if self.text_mean is None:
            return directions
        along = directions @ self.text_mean
        return directions * ((along**2 + 1 - self.text_mean.square().sum()).clamp_min(0).sqrt() - along)[:, None]

    def forward(self, condition: Tensor, belief: Tensor, shared: Tensor, texts: Tensor) -> Tensor:
        """Log probabilities [n, k]; arguments as for `readings`."""
        return (self.readings(condition, belief, shared, texts) @ self.weights).log_softmax(-1)

    def fit(self, condition: Tensor, belief: Tensor, nearness: Tensor, shared: Tensor, texts: Tensor) -> Tensor:
        """How well the best of the texts fits each picture [n], in nats; below `least_fit` none of them is what it shows.

        Where a map was learned from pairs, by all words of the categories, see `seda.models.list_fit`. Else against the names of
        all categories. A list must not look better for being short, so nothing is shared out among its texts there: the first
        reading is log sum_c p(c | v) q(c | k) / max_c q(c | k). By the maximum a word that covers many categories, as "animal"
        does, is judged like one that covers a single one.

        Args:
            nearness: see `SemanticTranslator.carry_over`.
            condition, belief, shared, texts: as for `readings`.
        """
        if self.pair_map is not None:
            places = self.directions(condition, belief)
            pooled = (self._readings_at(places, shared, texts) @ self.weights).log_softmax(-1)
            return list_fit(self._known_background(), belief, places, self.weights, texts, pooled)

        def scores(texts: Tensor) -> Tensor:
            scaled = nearness * self.likeness(texts)  # [k, c]
            alone = (belief.exp() @ (scaled - scaled.amax(1, keepdim=True)).exp().T).log()
            return self.readings(condition, belief, alone, texts) @ self.weights

        names = self.words[self.members[:, 0]]
        return scores(texts).amax(1) - scores(names).logsumexp(1)

    def _known_background(self) -> Background:
        """Made once: it takes half a second, and no list changes it; again where words were written or moved."""
        made_of = (
            self.words.device,
            self.words.dtype,
            *((part.data_ptr(), part._version) for part in (self.words, self.members)),
        )
        if self._background is None or self._background[0] != made_of:
            self._background = made_of, Background.of(self.words, self.members)
        return self._background[1]


FLOOR_LOG = float(torch.tensor(FLOOR).log())
