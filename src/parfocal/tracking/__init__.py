"""Numbers from images of beads: pure functions and small classes on arrays; knows no processes."""

from parfocal.tracking.bound import cramer_rao
from parfocal.tracking.build import ZTableBuilder
from parfocal.tracking.find import find_beads, find_candidates
from parfocal.tracking.rows import ROW_DTYPE, Flag
from parfocal.tracking.template import find_like
from parfocal.tracking.tracker import BeadTracker
from parfocal.tracking.warmup import warm_up
from parfocal.tracking.ztable import ZTables, load_tables, save_tables

__all__ = [
    "ROW_DTYPE",
    "BeadTracker",
    "Flag",
    "ZTableBuilder",
    "ZTables",
    "cramer_rao",
    "find_beads",
    "find_candidates",
    "find_like",
    "load_tables",
    "save_tables",
    "warm_up",
]
