"""Stage 2: from the semantic space to textual features."""

from __future__ import annotations

import torch
from torch import Tensor

from seda.config import ModelConfig
from seda.models.denoiser import Candidates
from seda.stages.stage import Stage


class SemanticTranslator(Stage):
    """Diffusion-Controlled Semantic Translator (DCST).

    Target: the text feature of the image's class, among any list of class texts. Condition: the semantic feature that
    stage 1 ended at, beside the visual feature: the center alone has forgotten how sure stage 1 was.
    Shapes: n images, D width of their features, d common width, k class texts.
    """

    number = 2

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config, condition_dim=config.image_dim + config.dim)
        self.feature_norm = config.feature_norm

    def condition(self, visual_condition: Tensor, semantic: Tensor) -> Tensor:
        """[n, D + d] from the scaled visual features [n, D] and stage 1's result [n, d]."""
        unit_variance = semantic * (semantic.shape[1] ** 0.5 / self.feature_norm)
        return torch.cat([visual_condition, unit_variance], dim=1)

    def candidates(
        self, visual_condition: Tensor, semantic: Tensor, class_texts: Tensor, guidance: float
    ) -> Candidates:
        """Prepare a run from semantic features [n, d] to class texts [k, d], which are also PFIN's bank."""
        return self.prepare(self.condition(visual_condition, semantic), class_texts, class_texts, semantic, guidance)
