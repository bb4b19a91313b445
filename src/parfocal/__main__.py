"""``python -m parfocal`` is the command line."""

import os
import sys

# Python would look into the working directory first, where a user's own random.py or queue.py may lie.
here = [entry for entry in sys.path if entry in ("", os.getcwd())]
sys.path[:] = [entry for entry in sys.path if entry not in here] + here

from parfocal.cli import main  # noqa: E402

sys.exit(main())
