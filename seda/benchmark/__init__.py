"""Measuring aligners on data that they have not seen."""
