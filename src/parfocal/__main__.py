"""``python -m parfocal`` is the command line."""

import sys

from parfocal.cli import main

sys.exit(main())
