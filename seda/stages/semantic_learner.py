"""Stage 1: from visual features to the semantic space of category centers."""

from __future__ import annotations

from torch import Tensor

from seda.config import ModelConfig
from seda.models.denoiser import Candidates
from seda.stages.stage import Stage


class SemanticLearner(Stage):
    """Diffusion-Controlled Semantic Learner (DCSL).

    Target: the category center mu_y, the mean of the training features of class y. Condition: the visual feature.
    Shapes: n images, D width of their features, d common width, c categories, k class texts.
    """

    number = 1

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config, condition_dim=config.image_dim)

    def candidates(
        self, condition: Tensor, visual: Tensor, centers: Tensor, bank: Tensor, guidance: float
    ) -> Candidates:
        """Prepare a run from visual features [n, d] (conditioned on their whole width [n, D]) to centers [c, d].

        The bank [k, d] are the class texts that PFIN brings in.
        """
        return self.prepare(condition, centers, bank, visual, guidance)
