"""Takes images with more and more light, until the camera is near saturation; the lamp is off afterwards.

``parfocal script run power_series.py --rig microscope``
"""

import numpy as np

POWERS = (0.05, 0.1, 0.2, 0.4, 0.8)
EXPOSURE_MS = 20.0
SATURATED = 0.9 * 65535


def main(lab):
    lab["channels"].set_channel("nucleus", EXPOSURE_MS)  # filter and light path
    for number, power in enumerate(POWERS, 1):
        lab.step(f"power {power:g}", number, len(POWERS))
        lab["excitation"].set_light(power, True)
        brightest = np.percentile(lab.snap().pixels, 99.9)
        lab.log(f"power {power:g}: the brightest pixels have {brightest:.0f} counts")
        if brightest > SATURATED:
            lab.log("that is enough")
            return
