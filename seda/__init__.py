"""SeDA Explorer: diffusive alignment of visual features with class texts, made visible.

The method is SeDA, "Semantic-Space-Intervened Diffusive Alignment for Visual Classification"
(IJCAI 2025, doi 10.24963/ijcai.2025/169). Importing this package imports nothing heavy.
"""

import os

__version__ = "0.1.0"

# OpenMP reads this once, when torch is imported. By default its threads spin while they wait for each other, and take the
# cores from whoever else computes (the browser that plays the journey, a second visitor): on two busy cores the same
# products took 54 to 72 s with spinning and 8 to 14 s without.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
