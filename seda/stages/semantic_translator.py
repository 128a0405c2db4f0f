"""Stage 2: from the semantic space to textual features."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from seda.config import ModelConfig
from seda.models.denoiser import Candidates
from seda.models.word_posterior import WordPosterior
from seda.stages.stage import Prepared, Stage

# Before training; chosen here: phrasings of one class keep together, similar classes stay apart. The names of single images lie
# further from their classes' names, and belong to several a little
NEARNESS, LOOSE_NEARNESS = 50.0, 20.0
FLOOR = 1e-12  # of probabilities, so that their logarithm is finite


class SemanticTranslator(Stage):
    """Diffusion-Controlled Semantic Translator (DCST).

    Target: the text feature of the image's class, among any list of class texts. Condition: the semantic feature that
    stage 1 ended at, beside the visual feature: the center alone has forgotten how sure stage 1 was. Its belief begins as
    stage 1's, carried over from categories to any list of texts by how near their texts lie to the categories' own.

    With an open vocabulary the belief is that of a `WordPosterior`, of which the carried-over one is a part.

    Shapes: n images, D width of their features, d common width, c categories, k class texts.
    """

    number = 2
    category_texts: Tensor

    def __init__(self, config: ModelConfig, class_count: int, phrasings: int) -> None:
        super().__init__(config, config.image_dim + config.dim, config.told_place)
        self.told_place = config.told_place
        self.feature_norm, self.word_sharing = config.feature_norm, config.word_sharing
        self.word_posterior: WordPosterior | None = None
        if config.words:
            self.word_posterior = WordPosterior(
                config.image_dim, config.dim, class_count, config.words, config.words_per_category, config.unit_features,
                config.pair_width,
            )  # fmt: skip
        else:
            self.register_buffer("category_texts", torch.zeros(class_count, phrasings, config.dim))  # scaled, [c, p, d]
        self.log_nearness = nn.Parameter(torch.tensor(math.log(NEARNESS)))

    def condition(self, visual_condition: Tensor, semantic: Tensor) -> Tensor:
        """[n, D + d] from the scaled visual features [n, D] and stage 1's result [n, d]."""
        unit_variance = semantic * (semantic.shape[1] ** 0.5 / self.feature_norm)
        return torch.cat([visual_condition, unit_variance], dim=1)

    def carry_over(self, belief: Tensor, class_texts: Tensor) -> Tensor:
        """Stage 1's log p(category | v) [n, c] as log probabilities [n, k] of class texts [k, d].

        p(k | v) = sum_c p(c | v) q(c | k) / sum_k' q(c | k'),    q(c | k) = e_kc / (sum_c' e_kc')^g,
                                                                  e_kc = exp( nearness cos(t_k, t_c) )

        with t_c the category's phrasing next to t_k: a category's probability is shared out among the texts that are like
        it, to those most like it where none is. g is the configuration's `word_sharing`: with 1 a word that covers 200
        categories has no more to give away than one that covers a single one, and loses even its own to a word that is a
        little like them; with less it keeps what it covers.
        """
        if self.word_posterior is None:
            normalize = nn.functional.normalize
            cosines = torch.einsum("kd,cpd->kcp", normalize(class_texts, dim=1), normalize(self.category_texts, dim=2))
            cosines = cosines.amax(2)  # [k, c]
        else:
            cosines = self.word_posterior.likeness(class_texts)
        likeness = self.log_nearness.exp() * cosines  # [k, c]
        shares = (likeness - self.word_sharing * likeness.logsumexp(1, keepdim=True)).softmax(0)
        return (belief.exp() @ shares.T).clamp_min(FLOOR).log()

    def belief(self, visual_condition: Tensor, belief: Tensor, class_texts: Tensor) -> Tensor:
        """Log p(text | v) [n, k] of class texts [k, d], from scaled visual features [n, D] and stage 1's belief [n, c]."""
        shared = self.carry_over(belief, class_texts)
        if self.word_posterior is None:
            return shared
        return self.word_posterior(visual_condition, belief, shared, class_texts)

    def fit(self, visual_condition: Tensor, belief: Tensor, class_texts: Tensor) -> Tensor | None:
        """How far above the least the best of the class texts fits each picture [n], nats; None in a closed vocabulary."""
        posterior = self.word_posterior
        if posterior is None:
            return None
        shared = self.carry_over(belief, class_texts)
        return (
            posterior.fit(visual_condition, belief, self.log_nearness.exp(), shared, class_texts) - posterior.least_fit
        )

    def candidates(
        self,
        visual_condition: Tensor,
        semantic: Tensor,
        class_texts: Tensor,
        guidance: float,
        belief: Tensor | None = None,
        log_prior: Tensor | None = None,
    ) -> Candidates:
        """Prepare a run from semantic features [n, d] to class texts [k, d], which are also PFIN's bank.

        The belief, log probabilities [n, k], is what `carry_over` gives; None where there is no stage 1;
        `log_prior` [n, k] what the prior made of it, where that is at hand.
        """
        condition = self.condition(visual_condition, semantic)
        return self.prepare(condition, class_texts, class_texts, semantic, guidance, belief, log_prior)

    def prepared(
        self,
        denoiser: str,
        visual_condition: Tensor,
        semantic: Tensor,
        class_texts: Tensor,
        guidance: float,
        log_prior: Tensor,
        reached: Tensor | None = None,
    ) -> Prepared:
        """Prepare a run of any denoiser; arguments as for `candidates`, whose log_prior the learned ones do not look at.

        Args:
            reached: log p(category | where stage 1 ended) [n, c], which the learned denoiser is told, carried over to the texts;
                None where there was no stage 1.
        """
        if denoiser == "closed-form":
            return self.candidates(visual_condition, semantic, class_texts, guidance, log_prior=log_prior)
        condition = self.condition(visual_condition, semantic)
        told = None if reached is None or not len(class_texts) else self.carry_over(reached, class_texts)
        place = None
        if self.told_place and denoiser == "learned":
            assert self.word_posterior is not None and self.word_posterior.pair_map is not None, (
                "As ModelConfig has it."
            )
            place = self.word_posterior.pair_map(visual_condition)
        return self.prepare_learned(
            denoiser, condition, semantic, class_texts, class_texts, guidance, belief=told, place=place
        )
