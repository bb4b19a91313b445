"""Holds a force until a bead jumps, as it does when what tethers it unfolds; then lets go.

Beads and their z tables are there already. ``parfocal script run wait_for_unfolding.py --rig tweezers``
"""

import numpy as np

FORCE_PN, REST_PN = 8.0, 1.0
JUMP_NM, WINDOW = 80.0, 20
LONGEST_S = 3600.0


def heights(rows):
    """Return the median height of each bead, nm."""
    good = rows[np.isfinite(rows["z_nm"])]
    return {int(bead): float(np.median(good["z_nm"][good["bead"] == bead])) for bead in set(good["bead"])}


def main(lab):
    lab.step("pull", of=3)
    rows = lab.rows("tracks")
    hold = lab.hold_force(FORCE_PN, seconds=LONGEST_S, name="hold")
    before = heights(collect(lab, rows))
    lab.log(f"heights: {before}")

    def jumped():
        now = heights(collect(lab, rows))
        return [bead for bead in now if bead in before and abs(now[bead] - before[bead]) > JUMP_NM]

    lab.step("wait for a bead to unfold", of=3)
    try:
        lab.log(f"unfolded: {lab.wait_until(jumped, LONGEST_S, 'a bead to unfold')}")
    except TimeoutError:
        lab.log("no bead has unfolded")

    lab.step("let go", of=3)
    hold.cancel("seen enough")
    hold.wait()
    lab.hold_force(REST_PN, seconds=1.0, name="rest").wait()


def collect(lab, rows):
    """Return the rows of so many frames of all beads."""
    beads = max(1, len(lab["tracker"].list_rois().rois))
    parts = [rows.wait()]
    while sum(map(len, parts)) < WINDOW * beads:
        parts.append(rows.wait())
    return np.concatenate(parts)
