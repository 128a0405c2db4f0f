"""The two stages: semantic learner (DCSL) and semantic translator (DCST)."""

from seda.stages.semantic_learner import SemanticLearner
from seda.stages.semantic_translator import SemanticTranslator

__all__ = ["SemanticLearner", "SemanticTranslator"]
