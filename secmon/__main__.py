"""`python -m secmon`."""

import sys

from secmon.cli import main

if __name__ == "__main__":
    sys.exit(main())
