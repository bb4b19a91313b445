"""Finds beads, makes their z tables, uses them if they are good, and pulls while their video is recorded.

``parfocal script run table_and_pull.py --rig tweezers``
"""

RANGE_NM, STEP_NM, FRAMES = 1000.0, 100.0, 10
MOST_CHI2 = 5.0
LOW_PN, HIGH_PN, RATE_PN_PER_S = 1.0, 10.0, 0.5


def main(lab):
    tracker = lab["tracker"]
    lab.step("find beads", of=3)
    lab["camera"].snap()
    beads = [roi.bead for roi in tracker.find_beads().rois]
    if not beads:
        raise ValueError("no bead was found: look at the focus")
    lab.log(f"{len(beads)} beads")

    lab.step("z tables", of=3)
    sweep = lab.sweep(-RANGE_NM, RANGE_NM, STEP_NM, FRAMES, name="tables")
    sweep.wait()
    without = sweep.quality()["without"]
    poor = [bead for bead in beads if bead not in without and sweep.preview(bead).chi2 > MOST_CHI2]
    lab.log(f"without a table: {without}; a poor one: {poor}")
    if len(without) + len(poor) == len(beads):
        sweep.discard()
        raise ValueError("not one bead has a table of use")
    sweep.accept()
    for bead in (*without, *poor):
        tracker.remove_roi(bead)

    lab.step("pull", of=3)
    lab.ramp_force(
        start_pn=LOW_PN,
        stop_pn=HIGH_PN,
        rate_pn_per_s=RATE_PN_PER_S,
        mode="tracks+roi-video",
        name="pull",
    ).wait()
