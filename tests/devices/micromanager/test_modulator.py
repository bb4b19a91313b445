"""Light modulators of a core: they keep the promises of one, and what they do not show is an error."""

import numpy as np
import pytest

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import DeviceError
from parfocal.core.modulation import mask_hash, pack_mask
from parfocal.core.protocols import LightModulator
from parfocal.devices.context import DeviceContext
from parfocal.devices.micromanager.host import CoreHost
from parfocal.devices.modulator import ModulatorHost
from parfocal.devices.registry import make_device
from parfocal.ipc import ServiceProxy
from parfocal.testing.contracts import MODULATOR, examine
from parfocal.testing.local_rig import LocalRig


@pytest.fixture
def rig_with(core_with, tmp_path):
    """Return a function that opens a core with a light modulator of a class."""
    with LocalRig(tmp_path, SYSTEM_CLOCK) as rig:

        def opened(name):
            rig.add("camera", CoreHost, {"options": core_with("SLM", "SLM", f"slm_devices,{name}")})
            return rig

        yield opened


@pytest.mark.parametrize("name", ["TellingSLM", pytest.param("MuteSLM", marks=pytest.mark.slow)])
def test_a_modulator_keeps_its_promises(name, rig_with):
    rig = rig_with(name)
    context = DeviceContext(connect=lambda service: ServiceProxy(rig.client(service)))
    verdicts = tuple(
        examine(
            lambda: make_device("micromanager-modulator", {}, context, LightModulator),
            MODULATOR,
            SYSTEM_CLOCK,
            ["light"],
        )
    )
    assert {one.promise.name: one.why for one in verdicts if one.outcome == "broken"} == {}
    assert sum(one.outcome == "kept" for one in verdicts) == 6


@pytest.mark.parametrize(("name", "said"), [("FailingSLM", "no sync"), ("StuckSLM", "did not take the mask")])
def test_what_it_does_not_show_is_an_error(name, said, rig_with):
    rig = rig_with(name)
    modulator = rig.add("modulator", ModulatorHost, {"device": "micromanager-modulator"})
    pattern = np.ones((6, 8), np.uint8)
    with pytest.raises(DeviceError, match=said):
        modulator.call("show_pattern", pack_mask(pattern))
    assert mask_hash(pattern) != modulator.call("shown").hash


@pytest.mark.parametrize(("name", "reads_back"), [("TellingSLM", True), ("MuteSLM", False)])
def test_it_says_whether_its_mask_was_read_back_or_only_taken(name, reads_back, rig_with):
    rig = rig_with(name)
    modulator = rig.add("modulator", ModulatorHost, {"device": "micromanager-modulator"})
    pattern = np.eye(6, 8, dtype=np.uint8)
    for shown in (modulator.call("show_pattern", pack_mask(pattern)), modulator.call("shown")):
        assert (shown.hash, shown.lit_px) == (mask_hash(pattern), 6)
        assert shown.read_back is reads_back
    assert modulator.call("state")["reads_back"] is reads_back


def test_a_configuration_without_one_says_so(rig_with, tmp_path):
    rig = rig_with("TellingSLM")
    context = DeviceContext(connect=lambda service: ServiceProxy(rig.client(service)))
    device = make_device("micromanager-modulator", {"slm": "DMD"}, context, LightModulator)
    with pytest.raises(Exception, match="there is no light modulator 'DMD'"):
        device.open()
