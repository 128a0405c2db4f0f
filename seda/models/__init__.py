"""Building blocks of the denoisers, one a file."""
