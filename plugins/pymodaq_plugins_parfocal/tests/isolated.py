"""To be imported before PyMoDAQ, which makes files where its configuration lies: for tests, below HOME."""

from pathlib import Path

import pymodaq_utils.config

pymodaq_utils.config.CONFIG_BASE_PATH = Path.home()
pymodaq_utils.config.get_set_local_dir.cache_clear()
