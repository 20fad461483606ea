"""python -m handgrad"""

import sys

from handgrad.cli.entry import main

if __name__ == "__main__":
    sys.exit(main())
