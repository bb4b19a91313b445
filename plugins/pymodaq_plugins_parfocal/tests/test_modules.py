"""The plugins inside PyMoDAQ's own modules: their threads, their Stop, their status line."""

from __future__ import annotations

import dataclasses
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from pymodaq.control_modules.daq_move import DAQ_Move
from pymodaq.control_modules.daq_viewer import DAQ_Viewer
from pymodaq.utils.data import DataActuator
from waiting import until

from parfocal.core.errors import DeadlineError


class Seen:
    """What a module shows: its data, and its status line."""

    def __init__(self, module: Any) -> None:
        self.data: list[Any] = []
        self.moves: list[Any] = []
        self.values: list[float] = []
        self.status: list[str] = []
        module.status_sig.connect(self.status.append)
        if isinstance(module, DAQ_Viewer):
            module.grab_done_signal.connect(lambda data: self.data.append(data[0].deepcopy()))
        else:
            module.move_done_signal.connect(lambda value: self.moves.append(value.value()))
            module.current_value_signal.connect(lambda value: self.values.append(value.value()))

    def said(self, word: str) -> bool:
        return any(word in text for text in self.status)


@pytest.fixture
def viewer(board) -> Iterator[Callable[..., tuple[Any, Seen]]]:
    """Open a DAQ_Viewer, initialised."""
    yield from opening(lambda name, kind="DAQ1D": DAQ_Viewer(title=name, daq_type=kind), "detector")


@pytest.fixture
def mover(board) -> Iterator[Callable[..., tuple[Any, Seen]]]:
    """Open a DAQ_Move, initialised."""
    yield from opening(lambda name: DAQ_Move(title=name), "actuator")


def opening(make: Callable[..., Any], role: str) -> Iterator[Callable[..., tuple[Any, Seen]]]:
    opened: list[Any] = []

    def open_module(name: str, *kind: str, shares: Any = None, **settings: Any) -> tuple[Any, Seen]:
        module = make(name, *kind)
        setattr(module, role, name)
        if shares is not None:  # as PyMoDAQ's dashboard does for slaves
            module.controller_and_thread = dataclasses.replace(
                shares.controller_and_thread, initialized=False
            )
            module.master = False
        for setting, value in settings.items():
            change(module, setting, value)
        seen = Seen(module)
        opened.append(module)
        module.init_hardware()
        until(lambda: module.initialized_state)
        return module, seen

    yield open_module
    for module in reversed(opened):
        module.quit_fun()


def change(module: Any, setting: str, value: Any) -> None:
    role = "detector_settings" if isinstance(module, DAQ_Viewer) else "actuator_settings"
    module.settings.child(role, setting).setValue(value)


def waits_for_trigger(board: Any) -> bool:
    """Whether the scope's lane is taken: by a trace whose trigger does not come."""
    try:
        board.scope_get(timeout_s=0.1)
    except DeadlineError:
        return True
    return False


def test_a_live_grab_survives_the_death_of_the_boards_host(rig, viewer):
    scope, seen = viewer("ParfocalScope", decimation=1)
    scope.grab_data(True)
    until(lambda: len(seen.data) > 5)
    os.kill(rig.status().services["board"].pid, signal.SIGKILL)
    until(lambda: seen.said("service 'board'"))
    count = len(seen.data)
    until(lambda: len(seen.data) > count + 5)
    scope.stop()
    until(lambda: seen.status[-1] == "Stopping grab")


def test_stop_works_while_a_grab_waits_for_its_trigger(board, viewer):
    scope, seen = viewer("ParfocalScope", trigger_source="ch1_positive_edge", threshold_v=0.9)
    for start in (scope.snap, lambda: scope.grab_data(True)):
        start()
        until(lambda: waits_for_trigger(board))
        seen.status.clear()
        scope.stop()
        until(lambda: seen.said("Stopping grab"))
        assert board.scope_acquire(trigger_source="immediately", timeout_s=60).sequence > 0
    assert not seen.data
    change(scope, "threshold_v", 0.0)
    change(scope, "trigger_source", "immediately")
    scope.snap()
    until(lambda: seen.data)


def test_averages_are_taken_by_pymodaq(board, viewer):
    board.asg_setup(channel="asg0", waveform="noise", amplitude_v=0.5, output="out1")
    scope, seen = viewer("ParfocalScope", decimation=1)
    for count in (1, 16):
        scope.Naverage = count
        scope.snap()
        until(lambda: seen.data)
        spread = np.std(seen.data.pop().data[0])
        assert spread == pytest.approx(0.125 / np.sqrt(count), rel=0.2)
    scope.grab_data(True)
    until(lambda: len(seen.data) >= 2)
    scope.stop()


def test_what_fails_is_told_in_the_status_line(viewer):
    scope, seen = viewer("ParfocalScope")
    change(scope, "trigger_source", "ext_positive_edge")
    scope.settings.child("detector_settings", "trigger_delay_s").setValue(1e6)
    scope.snap()
    until(lambda: seen.said("trigger_delay_s"))
    until(lambda: seen.said("Stopping grab"))
    assert not seen.data


def test_a_viewer_that_waits_can_be_closed(board, viewer):
    scope, _ = viewer("ParfocalScope", trigger_source="ch1_positive_edge", threshold_v=0.9)
    scope.grab_data(True)
    until(lambda: waits_for_trigger(board))
    thread = scope.controller_and_thread.thread.thread
    scope.quit_fun()
    assert thread.isFinished()
    assert not waits_for_trigger(board)


def test_a_slave_goes_on_in_the_thread_of_a_master_that_waits(board, viewer):
    scope, traces = viewer("ParfocalScope", trigger_source="ch1_positive_edge", threshold_v=0.9)
    sampler, values = viewer("ParfocalSampler", "DAQ0D", shares=scope)
    scope.grab_data(True)
    until(lambda: waits_for_trigger(board))
    sampler.grab_data(True)
    until(lambda: len(values.data) > 5)
    board.asg_setup(channel="asg0", waveform="square", amplitude_v=1.0, output="out1")
    until(lambda: len(traces.data) > 5)
    count = len(values.data)
    until(lambda: len(values.data) > count + 5)
    for module in (sampler, scope):
        module.stop()


def test_a_rig_that_is_not_there_is_told_in_the_status_line(board):
    scope = DAQ_Viewer(title="scope", daq_type="DAQ1D")
    scope.detector = "ParfocalScope"
    change(scope, "rig", "elsewhere")
    seen = Seen(scope)
    scope.init_hardware()
    until(lambda: seen.said("initialized: False"))
    assert seen.said("elsewhere")
    scope.quit_fun()


def test_an_actuator_moves_and_follows_others(board, mover):
    amplitude, seen = mover("ParfocalAsg", own_setup=True)
    amplitude.settings.child("actuator_settings", "controller", "axis").setValue("asg0 amplitude")
    until(lambda: amplitude.units == "V")
    amplitude.move_abs(DataActuator("wanted", data=0.25, units="V"))
    until(lambda: seen.moves)
    assert seen.moves == [0.25]
    assert board.asg_get(channel="asg0").output == "out1"
    made = board.asg_set_amplitude(0.375, channel="asg0")
    until(lambda: made in seen.values)
    amplitude.move_abs(DataActuator("wanted", data=9.0, units="V"))
    until(lambda: seen.said("amplitude_v"))
    assert len(seen.moves) == 1
