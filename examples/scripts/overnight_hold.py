"""Holds a force for a night; between the parts, the focus is brought back to where the beads were.

Beads and their z tables are there already. ``parfocal script run overnight_hold.py --rig tweezers --detach``
"""

HOURS, PART_S = 12.0, 600.0
FORCE_PN = 5.0
MOST_DRIFT_NM = 30.0


def main(lab):
    lock = lab["z_lock"]
    lock.set(beads=[roi.bead for roi in lab["tracker"].list_rois().rois])
    with_camera(lab, lambda: remember_heights(lab, lock))
    parts = max(1, round(HOURS * 3600 / PART_S))
    home_nm = lab["focus"].position()
    for part in range(1, parts + 1):
        lab.step(f"part {part}", part, parts)
        lab.hold_force(FORCE_PN, seconds=PART_S, name=f"part {part}").wait()
        corrected = with_camera(lab, lambda: correct(lock))
        drift_nm = lab["focus"].position() - home_nm
        lab.log(f"{corrected}; the focus has followed by {drift_nm:.0f} nm")
        if abs(drift_nm) > MOST_DRIFT_NM * part:
            lab.log("that is more than expected: look at the temperature of the room")


def remember_heights(lab, lock):
    """Have the lock take the heights of now as those to go back to."""
    lock.on()
    lab.wait_until(lambda: lock.status().targets_nm, 60.0, "the heights of the beads")
    lock.off()


def correct(lock):
    """Have the focus follow the beads once, and tell how that went."""
    try:
        lock.once(timeout_s=30.0)
    except TimeoutError:
        return "the beads could not be held"
    return "the beads are where they were"


def with_camera(lab, act):
    """Do something while the camera runs."""
    lab["camera"].start()
    try:
        return act()
    finally:
        lab["camera"].stop()
