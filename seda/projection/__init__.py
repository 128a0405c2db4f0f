"""Maps: fitted once, frozen, saved with the aligner; placing a point is a function of that point alone."""

from seda.projection.parametric import FrozenMap, load_map

__all__ = ["FrozenMap", "load_map"]
