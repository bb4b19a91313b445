"""Contract suites: what every device of a kind promises, run against any of them.

Yours included. In your own tests::

    import pytest
    from parfocal.core.clock import SYSTEM_CLOCK
    from parfocal.devices.context import DeviceContext
    from parfocal.testing.contracts import CAMERA, Trial


    @pytest.mark.parametrize("promise", CAMERA, ids=str)
    def test_my_camera(promise):
        device = MyCamera(MyCamera.Settings(), DeviceContext())
        device.open()
        try:
            promise.check(Trial(device, SYSTEM_CLOCK))
        finally:
            device.close()

From a shell: ``parfocal check my_package.my_camera:MyCamera``.
"""

from parfocal.testing.contracts.camera import CAMERA
from parfocal.testing.contracts.channels import CHANNELS
from parfocal.testing.contracts.examine import Verdict, examine, kind_of
from parfocal.testing.contracts.light import LIGHT
from parfocal.testing.contracts.modulator import MODULATOR
from parfocal.testing.contracts.promise import NotAskable, Promise, Promises, Trial
from parfocal.testing.contracts.stage import STAGE

__all__ = [
    "CAMERA",
    "CHANNELS",
    "LIGHT",
    "MODULATOR",
    "STAGE",
    "NotAskable",
    "Promise",
    "Promises",
    "Trial",
    "Verdict",
    "examine",
    "kind_of",
]
