"""SeDA Explorer: diffusive alignment of visual features with class texts, made visible.

The method is SeDA, "Semantic-Space-Intervened Diffusive Alignment for Visual Classification"
(IJCAI 2025, doi 10.24963/ijcai.2025/169). Importing this package imports nothing heavy.
"""

__version__ = "0.1.0"
