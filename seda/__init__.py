"""SeDA Explorer: diffusive alignment of visual features with class texts, made visible.

The method is SeDA, "Semantic-Space-Intervened Diffusive Alignment for Visual Classification"
(IJCAI 2025, doi 10.24963/ijcai.2025/169). Importing this package imports nothing heavy.
"""

import os

__version__ = "0.1.0"

# OpenMP reads this once, when torch is imported. By default its threads spin for milliseconds while they wait for each
# other, and take the cores from whoever else computes, such as a second run. Measured on two cores: two processes side by
# side took 4.9 s for products that take 1.1 s with short spinning; no spinning at all makes a lonely small run slow.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
