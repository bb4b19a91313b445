"""The viewers by themselves, in PyMoDAQ's harness."""

from __future__ import annotations

import numpy as np
import pytest
from pymodaq.utils.plugin_testing import assert_units, grab_and_wait, make_detector
from pymodaq_plugins_parfocal.daq_viewer_plugins.plugins_0D.daq_0Dviewer_ParfocalIq import (
    DAQ_0DViewer_ParfocalIq as Iq,
)
from pymodaq_plugins_parfocal.daq_viewer_plugins.plugins_0D.daq_0Dviewer_ParfocalSampler import (
    DAQ_0DViewer_ParfocalSampler as Sampler,
)
from pymodaq_plugins_parfocal.daq_viewer_plugins.plugins_1D.daq_1Dviewer_ParfocalScope import (
    DAQ_1DViewer_ParfocalScope as Scope,
)
from waiting import LONG_MS, WAIT_S, until

NEVER = {"trigger_source": "ch1_positive_edge", "threshold_v": 0.9}


def told(plugin, word: str) -> bool:
    return any(command == "update_status" and word in text for command, text in plugin.said)


def test_the_scope_shows_fresh_traces_over_an_exact_time(board, plug):
    board.asg_setup(channel="asg0", frequency_hz=1e4, amplitude_v=0.5, output="out1")
    scope = plug(Scope, input2="out1", decimation=8)
    first, second = (grab_and_wait(scope, timeout_ms=LONG_MS)[0] for _ in range(2))
    assert_units(grab_and_wait(scope, timeout_ms=LONG_MS), "V")
    assert (first.labels, first.shape, first.dim.name) == (["in1", "out1"], (16384,), "Data1D")
    assert np.ptp(first.data, axis=1) == pytest.approx([1.0, 1.0], abs=0.01)
    time = first.get_axis_from_index(0)[0]
    assert time.units == "s"
    assert time.get_data() == pytest.approx(np.arange(1, 16385) * 8 * 8e-9, rel=1e-12)
    assert second.sequence == first.sequence + 1
    assert second.triggered_at_s > first.triggered_at_s


def test_a_live_grab_goes_on_by_itself_until_it_is_stopped(plug):
    scope, seen = plug(Scope, decimation=1), []
    scope.dte_signal.connect(lambda data: seen.append(data[0].sequence))
    scope.grab_data(1, live=True)
    scope.grab_data(1, live=True)  # what PyMoDAQ's worker does for the next of several averages
    until(lambda: len(seen) >= 10)
    scope.stop()
    assert seen == list(range(seen[0], seen[0] + len(seen)))
    count = len(seen)
    grab_and_wait(scope, timeout_ms=LONG_MS)
    assert len(seen) == count + 1


def test_a_live_grab_pauses_between_data_if_that_is_wanted(plug):
    scope, seen = plug(Scope), []
    scope.dte_signal.connect(seen.append)
    scope.grab_data(1, live=True, wait_time=1)
    until(lambda: len(seen) >= 3)


def test_stop_ends_a_grab_that_waits_for_its_trigger(board, plug):
    scope, seen = plug(Scope, **NEVER), []
    scope.dte_signal.connect(seen.append)
    for live in (False, True):
        scope.grab_data(1, live=live)
        assert board.sampler_read(signal="in1", timeout_s=WAIT_S) == pytest.approx(0.0, abs=1e-3)
        scope.stop()
        assert board.scope_acquire(trigger_source="immediately", timeout_s=WAIT_S).sequence > 0
    assert not seen
    assert not [text for command, text in scope.said if command == "update_status"]


def test_a_setting_that_changes_reaches_a_grab_that_waits(plug):
    scope, seen = plug(Scope, **NEVER), []
    scope.dte_signal.connect(seen.append)
    scope.grab_data(1)
    scope.settings.child("trigger_source").setValue("immediately")
    scope.commit_settings(scope.settings.child("trigger_source"))
    until(lambda: seen)


def test_what_the_board_refuses_is_told_and_ends_a_snap(board, plug):
    iq = plug(Iq, averaging_s=0.001)
    iq.settings.child("averaging_s").setOpts(limits=(0, 1e9))
    iq.settings.child("averaging_s").setValue(1e9)
    iq.grab_data(1)
    until(lambda: told(iq, "averaging_s"))
    assert ("stop", "None") in iq.said
    iq.settings.child("averaging_s").setValue(0.001)
    assert grab_and_wait(iq, timeout_ms=LONG_MS)


def test_the_sampler_shows_the_signals_that_were_chosen(board, plug):
    board.asg_setup(channel="asg0", waveform="dc", offset_v=0.25, output="out1")
    signals = {"all_items": ["in1", "out1", "pid0"], "selected": ["out1", "pid0", "in1"]}
    shown = grab_and_wait(plug(Sampler, signals=signals, readings=3), timeout_ms=LONG_MS)[0]
    assert shown.labels == ["out1", "pid0", "in1"]
    assert [float(each[0]) for each in shown.data] == pytest.approx([0.25, 0.0, 0.25], abs=0.01)
    assert_units([shown], "V")


def test_one_signal_that_cannot_be_read_is_told(plug):
    sampler = plug(Sampler)
    sampler.settings.child("signals").setValue({"all_items": ["in1", "in9"], "selected": ["in9", "in1"]})
    sampler.grab_data(1)
    until(lambda: told(sampler, "in9"))


def test_the_iq_viewer_measures_what_it_sets_up_if_it_is_asked_to(board, plug):
    iq = plug(Iq)
    settings = iq.settings.child("setup")
    for name, value in {"frequency_hz": 5e4, "amplitude_v": 0.5, "output": "out1", "phase_deg": 0.0}.items():
        settings.child(name).setValue(value)
        iq.commit_settings(settings.child(name))
    assert board.iq_get(iq="iq0").amplitude_v == 0.0
    iq.settings.child("own_setup").setValue(True)
    iq.commit_settings(iq.settings.child("own_setup"))
    volts, phase = grab_and_wait(iq, timeout_ms=LONG_MS)
    made = board.iq_get(iq="iq0")
    assert (made.output, made.amplitude_v, volts.frequency_hz) == ("out1", 0.5, made.frequency_hz)
    assert volts.data[2][0] == pytest.approx(0.5, rel=0.02)
    assert volts.units == "V"
    assert abs(phase.data[0][0]) < 5
    settings.child("amplitude_v").setValue(0.25)
    iq.commit_settings(settings.child("amplitude_v"))
    assert grab_and_wait(iq, timeout_ms=LONG_MS)[0].data[2][0] == pytest.approx(0.25, rel=0.02)


def test_a_set_up_that_the_board_refuses_is_told(plug):
    iq = plug(Iq, own_setup=True)
    amplitude = iq.settings.child("setup", "amplitude_v")
    amplitude.setOpts(limits=(0, 9))
    amplitude.setValue(9.0)
    iq.commit_settings(amplitude)
    until(lambda: told(iq, "amplitude_v"))


def test_slaves_share_the_board_of_their_master(plug):
    scope = plug(Scope)
    sampler = plug(Sampler, controller=scope.controller)
    assert sampler.controller is scope.controller
    sampler.close()
    assert grab_and_wait(scope, timeout_ms=LONG_MS)


def test_a_rig_or_service_that_is_not_there_is_named():
    for settings, said in (({"rig": "redpitaja"}, "redpitaja"), ({"service": "bord"}, "board")):
        plugin = make_detector(Scope, **settings)
        assert not plugin.initialized
        assert said in plugin.init_info
        plugin.emit_status = lambda status: None
        plugin.grab_data(1)
        plugin.close()
