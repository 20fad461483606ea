"""python -m handgrad"""

import sys

from handgrad.cli.entry import main

sys.exit(main())
