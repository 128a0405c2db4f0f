"""python -m seda ..."""

import sys

from seda.cli import main

if __name__ == "__main__":
    sys.exit(main())
