"""Stage 1: from visual features to the semantic space of category centers."""

from __future__ import annotations

from torch import Tensor

from seda.config import ModelConfig
from seda.models.center_posterior import CenterPosterior
from seda.models.denoiser import Candidates
from seda.stages.stage import Prepared, Stage


class SemanticLearner(Stage):
    """Diffusion-Controlled Semantic Learner (DCSL).

    Target: the category center mu_y, the mean of the training features of class y. Condition: the visual feature. Its
    belief about the category begins as the closed form of `CenterPosterior`.
    Shapes: n images, D width of their features, d common width, c categories, k class texts.
    """

    number = 1

    def __init__(self, config: ModelConfig, class_count: int) -> None:
        super().__init__(config, condition_dim=config.image_dim)
        # an open vocabulary's categories are those of one classifier, its head the one read-out
        read_outs = 1 if config.words else 3 if config.zero_shot else 2
        self.center_posterior = CenterPosterior(config.image_dim, class_count, read_outs)

    def belief(self, condition: Tensor, centers: Tensor) -> Tensor:
        """Log p(category | visual feature) [n, c] of scaled features [n, D]."""
        return self.prior(condition, centers, self.center_posterior(condition)).log_softmax(-1)

    def reached(self, semantic: Tensor, centers: Tensor) -> Tensor:
        """Log p(category | where stage 1 ended) [n, c] of ends [n, d]: the Gaussians around centers that it was trained to end in."""
        learned = self.learned
        assert learned is not None, "Only the learned translator asks."
        scaled = learned.anchor_scale * centers
        return ((semantic @ scaled.T - scaled.square().sum(1) / 2) / learned.anchor_variance).log_softmax(-1)

    def candidates(
        self,
        condition: Tensor,
        visual: Tensor,
        centers: Tensor,
        bank: Tensor,
        guidance: float,
        belief: Tensor | None = None,
        log_prior: Tensor | None = None,
    ) -> Candidates:
        """Prepare a run from visual features [n, d] (conditioned on their whole width [n, D]) to centers [c, d].

        Args:
            bank: the class texts that PFIN brings in [k, d].
            belief: that p(category | v) begins from, log probabilities [n, c]; the closed form where None.
            log_prior: what `belief` gave [n, c], where it is at hand.
        """
        if belief is None and log_prior is None:
            belief = self.center_posterior(condition)
        return self.prepare(condition, centers, bank, visual, guidance, belief, log_prior)

    def prepared(
        self,
        denoiser: str,
        condition: Tensor,
        visual: Tensor,
        centers: Tensor,
        bank: Tensor,
        guidance: float,
        log_prior: Tensor,
    ) -> Prepared:
        """Prepare a run of any denoiser; arguments as for `candidates`, whose log_prior the learned ones do not look at."""
        if denoiser == "closed-form":
            return self.candidates(condition, visual, centers, bank, guidance, log_prior=log_prior)
        belief = self.center_posterior(condition)
        return self.prepare_learned(denoiser, condition, visual, centers, bank, guidance, belief=belief)
