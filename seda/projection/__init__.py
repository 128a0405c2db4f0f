"""Maps: fitted once, frozen, saved with the aligner; placing a point is a function of that point alone."""

from seda.projection.frozen import DEFAULT_MAP, FrozenMap, load_map, load_maps

__all__ = ["DEFAULT_MAP", "FrozenMap", "load_map", "load_maps"]
