"""Pulls at all beads with force ramps, up and down, with a rest between the cycles.

``parfocal script run force_ramp.py --rig tweezers``
"""

CYCLES = 3
LOW_PN, HIGH_PN, RATE_PN_PER_S = 1.0, 10.0, 0.5
REST_S = 30.0


def main(lab):
    for cycle in range(1, CYCLES + 1):
        lab.step(f"cycle {cycle}: up", 2 * cycle - 1, 2 * CYCLES)
        lab.ramp_force(
            start_pn=LOW_PN, stop_pn=HIGH_PN, rate_pn_per_s=RATE_PN_PER_S, name=f"up {cycle}"
        ).wait()
        lab.step(f"cycle {cycle}: down", 2 * cycle, 2 * CYCLES)
        lab.ramp_force(
            start_pn=HIGH_PN, stop_pn=LOW_PN, rate_pn_per_s=RATE_PN_PER_S, name=f"down {cycle}"
        ).wait()
        lab.sleep(REST_S)
