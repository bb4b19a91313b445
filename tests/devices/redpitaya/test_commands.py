"""What a shared board can be asked: the same as ever, whatever the commands are made from."""

from __future__ import annotations

import inspect
import re

import pytest

from parfocal.devices.redpitaya.asg import Asg, AsgSettings, AsgState
from parfocal.devices.redpitaya.host import RedPitayaHost
from parfocal.devices.redpitaya.iq import Iq, IqMeasurement, Sweep
from parfocal.devices.redpitaya.pid import Pid, PidState, Settling
from parfocal.devices.redpitaya.scope import Scope
from parfocal.devices.redpitaya.trace import Trace
from parfocal.ipc import CommandTable
from parfocal.ipc.results import result_name

FACE = """
asg_get(channel='asg0')
asg_off(channel='asg0')
asg_set_amplitude(amplitude_v, channel='asg0')
asg_set_frequency(frequency_hz, channel='asg0')
asg_set_offset(offset_v, channel='asg0')
asg_setup(channel='asg0', waveform='sin', *, frequency_hz=1000.0, amplitude_v=0.0, offset_v=0.0,
    phase_deg=0.0, output='off', trigger_source='immediately', cycles_per_burst=0, bursts=1,
    burst_delay_s=0.0, samples=None)
asg_trigger(channel='asg0')
identity()
iq_get(iq='iq0')
iq_get_measurement(iq='iq0', *, frequency_hz=None, averaging_s=0.01, settling_s=0.0)
iq_off(iq='iq0')
iq_set_amplitude(amplitude_v, iq='iq0')
iq_setup(iq='iq0', *, frequency_hz=1000.0, amplitude_v=0.0, input='in1', output='off',
    output_signal='output_direct', phase_deg=0.0, bandwidth_hz=100.0, acbandwidth_hz=0.0, gain=0.0,
    quadrature_factor=1.0)
iq_sweep(frequencies_hz, iq='iq0', *, averaging_s=0.01, settling_s=0.0)
known(module)
led_set(led, on)
output_lease(module)
outputs_off()
pid_configure(pid='pid0', *, setpoint_v=None, p=None, i_hz=None, d=None, input=None, output=None,
    min_v=None, max_v=None, input_filter_hz=None, integrator_v=None, differential=None, paused=None)
pid_get(pid='pid0')
pid_get_setpoint(pid='pid0')
pid_off(pid='pid0')
pid_set_setpoint(setpoint_v, pid='pid0')
pid_wait_settled(pid='pid0', within_v=0.01, for_s=0.1)
pin_read(bank, pin)
pin_setup(bank, pin, direction, on=False)
sampler_read(signal='in1', readings=1)
scope_acquire(*, input=None, input2=None, decimation=None, averaging=None, trigger_source=None,
    threshold_v=None, hysteresis_v=None, trigger_delay_s=0.0)
scope_get()
scope_set_decimation(decimation)
scope_set_trigger(source, threshold_v=None, hysteresis_v=None)
scope_stop()
scope_stream(count=None, *, input='in1', input2=None, decimation=64, averaging=True,
    trigger_source='immediately', threshold_v=0.0, hysteresis_v=0.01, trigger_delay_s=0.0)
slow_read(dac)
slow_set(dac, volts)
"""


def face():
    """Return each command as one would call it."""
    for info in CommandTable.of(RedPitayaHost).describe():
        positional = CommandTable.of(RedPitayaHost)[info.name].by_position
        words = [each.name if each.required else f"{each.name}={each.default}" for each in info.parameters]
        if len(words) > len(positional):
            words.insert(len(positional), "*")
        yield f"{info.name}({', '.join(words)})"


def test_commands_have_the_names_arguments_and_defaults_that_scripts_use():
    wanted = " ".join(FACE.split()).replace(") ", ")\n").splitlines()
    assert list(face()) == wanted


@pytest.mark.parametrize(
    ("command", "method"),
    [
        ("asg_setup", Asg.setup),
        ("pid_configure", Pid.configure),
        ("iq_setup", Iq.setup),
        ("iq_get_measurement", Iq.measure),
        ("scope_acquire", Scope.acquire),
    ],
)
def test_a_derived_command_is_described_as_its_method(command, method):
    described = inspect.getdoc(CommandTable.of(RedPitayaHost)[command].run)
    signature = inspect.signature(method)
    for name in list(signature.parameters)[1:]:
        entry = re.search(rf"^(\w+, )*{name}(, \w+)* : ", described, re.MULTILINE)
        assert bool(entry) is (name not in ("wait", "timeout_s")), name
    assert "Raises" in described


@pytest.mark.parametrize(
    ("command", "result"),
    [
        ("asg_setup", AsgState),
        ("pid_get", PidState),
        ("pid_wait_settled", Settling),
        ("iq_get_measurement", IqMeasurement),
        ("iq_sweep", Sweep),
        ("scope_acquire", Trace),
    ],
)
def test_a_derived_command_says_what_it_returns(command, result):
    assert CommandTable.of(RedPitayaHost)[command].info.result == result_name(result)


def test_a_derived_command_is_a_method_like_any_other():
    signature = inspect.signature(RedPitayaHost.pid_set_setpoint)
    assert list(signature.parameters) == ["self", "setpoint_v", "pid"]
    assert RedPitayaHost.pid_set_setpoint.__name__ == "pid_set_setpoint"


def test_a_method_takes_the_fields_of_its_settings_and_nothing_else():
    fields = inspect.signature(AsgSettings).parameters
    assert list(inspect.signature(Asg.setup).parameters) == ["self", *fields]
    with pytest.raises(TypeError, match="'frequency'"):
        Asg.setup(None, frequency=1e3)
