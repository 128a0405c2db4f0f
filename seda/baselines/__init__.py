"""What a user would pick instead of SeDA, behind one protocol."""

from seda.baselines.base import Baseline, ClassTextFeatures, Fitted, LabelledFeatures, MapsToText, NamedHead

__all__ = ["Baseline", "ClassTextFeatures", "Fitted", "LabelledFeatures", "MapsToText", "NamedHead"]
