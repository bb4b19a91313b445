"""The pump without a process, on a clock of its own: an hour passes at once."""

import pytest
from perfusion_lab.pump import SyringePump

from parfocal.testing.clock import JumpClock
from parfocal.testing.local_rig import LocalRig


@pytest.fixture
def pump(tmp_path):
    with LocalRig(tmp_path, JumpClock()) as rig:
        rig.add("pump", SyringePump, {"syringe_ul": 100.0})
        yield rig.client("pump")


def test_an_infusion_of_an_hour_infuses_what_was_asked_for(pump):
    assert pump.call("infuse", 60.0, 1.0) == pytest.approx(60.0, abs=0.1)
    assert pump.call("left_ul") == pytest.approx(40.0, abs=0.1)
    assert pump.call("rate_ul_per_min") == 0.0


@pytest.mark.parametrize(("volume", "rate"), [(0.0, 1.0), (101.0, 1.0), (1.0, 501.0), (1.0, float("nan"))])
def test_what_the_syringe_cannot_do_is_refused(pump, volume, rate):
    with pytest.raises(Exception, match="must be above 0"):
        pump.call("infuse", volume, rate)
    assert pump.call("left_ul") == 100.0
