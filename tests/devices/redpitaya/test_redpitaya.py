import threading

import numpy as np
import pytest

from parfocal.core.errors import BadInputError, DeviceError
from parfocal.devices.redpitaya.link import TcpLink
from parfocal.devices.redpitaya.redpitaya import RedPitaya
from parfocal.devices.redpitaya.simulated.board import SimulatedBoard
from parfocal.devices.redpitaya.simulated.plant import Plant
from parfocal.devices.redpitaya.simulated.server import SimulatedRedPitaya


def test_make_safe_is_silence(build, clock):
    board = build(in1=Plant(), in2=Plant(source="out2"))
    board.asgs[0].setup("sin", frequency_hz=1e5, amplitude_v=0.4, output="both")
    board.iqs[0].setup(frequency_hz=1e5, amplitude_v=0.4, output="both")
    board.pids[0].configure(setpoint_v=0.5, i_hz=-1e3, input="in1", output="both")
    board.slow.set(2, 1.0)
    board.hk.set_direction("P", 3, "out")
    board.hk.set_pin("P", 3, True)
    clock.sleep(0.01)
    board.make_safe()
    clock.sleep(0.01)
    trace = board.scope.acquire(input="in1", input2="in2", decimation=8, wait=clock.sleep)
    assert np.ptp(trace.volts) == np.ptp(trace.volts2) == 0
    assert trace.volts[0] == trace.volts2[0] == 0
    assert board.slow.read(2) == 0
    assert board.hk.pin("P", 3) is False
    state = board.state()
    assert all(state[name].output == "off" for name in ("asg0", "asg1", "pid0", "pid1", "pid2", "iq0", "iq2"))


def test_make_safe_tries_everything_and_then_says_what_failed():
    with SimulatedRedPitaya() as device:
        board = RedPitaya(TcpLink("127.0.0.1", device.port, timeout_s=0.8))
        board.asgs[1].setup("dc", offset_v=0.5, output="out1")
        board.pids[2].configure(integrator_v=0.2, output="out2")
        device.inject_fault("drop", letter="r", count=4)
        with pytest.raises(DeviceError):
            board.make_safe()
        board.make_safe()
        assert board.sampler.read("out1") == board.sampler.read("out2") == 0
        board.close()


def test_another_gateware_is_told():
    class Other(SimulatedBoard):
        def read(self, address, words):
            return np.zeros(words, np.uint32)

    with pytest.raises(DeviceError, match="gateware 0 instead of 1"):
        RedPitaya(Other())


def test_sampler_pins_and_slow_outputs(build):
    board = build(in1=Plant(gain=0, offset_v=0.25, noise_v=0.01))
    assert board.sampler.read("in1", readings=400) == pytest.approx(0.25, abs=2e-3)
    board.hk.set_led(3, True)
    board.hk.set_led(5, True)
    assert board.hk.leds() == 0b101000
    assert board.hk.dna() > 0
    assert board.slow.set(3, 1.0) == pytest.approx(1.0, abs=3e-4)
    with pytest.raises(BadInputError, match="dac = 0"):
        board.slow.set(0, 1.0)
    with pytest.raises(BadInputError, match=r"volts = 2.0 V is outside of 0 to 1.8 V"):
        board.slow.set(2, 2.0)
    with pytest.raises(BadInputError, match="signal 'in5'"):
        board.sampler.read("in5")
    with pytest.raises(BadInputError, match="pin P3 becomes an input: on = True would do nothing"):
        board.hk.setup_pin("P", 3, "in", on=True)
    with pytest.raises(BadInputError, match="pin = 8"):
        board.hk.set_pin("N", 8, True)


def test_everything_at_once(link):
    """A sine seen, a loop held and a transfer function measured, from four threads over one line."""
    board = RedPitaya(link)
    board.make_safe()
    board.asgs[0].setup("sin", frequency_hz=10e3, amplitude_v=0.25, output="out1")
    board.iqs[0].setup(frequency_hz=200e3, amplitude_v=0.25, input="in1", output="out1")
    board.pids[0].configure(setpoint_v=0.3, i_hz=-500.0, input="in2", output="out2")
    found: dict[str, list] = {"scope": [], "iq": [], "pid": []}

    def see():
        for _ in range(5):
            trace = board.scope.acquire(input="asg0", decimation=64, averaging=False, timeout_s=30)
            tone = np.exp(-2j * np.pi * 10e3 * trace.time_s)
            found["scope"].append(2 * abs(np.mean(trace.volts * tone)))

    def analyse():
        frequencies = [50e3, 100e3, 200e3, 400e3]
        found["iq"] += [point.transfer for point in board.iqs[0].sweep(frequencies, averaging_s=0.01)]

    def hold():
        for _ in range(100):
            found["pid"].append(board.sampler.read("in2"))

    threads = [threading.Thread(target=work) for work in (see, analyse, hold)]
    for thread in threads:
        thread.start()
    for _ in range(50):
        board.asgs[1].set_frequency(1e3)
    for thread in threads:
        thread.join()
    assert found["scope"] == pytest.approx([0.25] * 5, rel=0.01)
    assert all(abs(transfer - 1) < 0.01 for transfer in found["iq"])
    assert found["pid"][-1] == pytest.approx(0.3, abs=5e-3)
    board.make_safe()
