"""The host of a Red Pitaya: the process that owns a board and serves any number of clients at once."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, get_args

from parfocal.core.errors import DeviceError
from parfocal.devices.redpitaya.commands.modules import ModuleCommands
from parfocal.devices.redpitaya.commands.scope import STREAM_SPEC, ScopeCommands
from parfocal.devices.redpitaya.declared import DeclaredSettings
from parfocal.devices.redpitaya.health import HealthCheck
from parfocal.devices.redpitaya.redpitaya import RedPitaya
from parfocal.devices.redpitaya.settings import RedPitayaConfig, board_name, open_link
from parfocal.devices.redpitaya.shared import OutputName, SharedBoard
from parfocal.processes import FixedSettings, Service, ServiceContext
from parfocal.streams import StreamWriter
from parfocal.streams.counters import Counters


class RedPitayaHost(ScopeCommands, ModuleCommands, Service):
    """Owns a board. Commands of one module keep their order; those of different modules overlap.

    Each set is published under the module's name with the values that the board made of it. After a crash
    of the host, or a restart of the board, outputs are at 0 V first and then as they were declared; what is
    leased, and bursts, stay off. The stream of the host's name holds the traces of `scope_stream`.
    """

    Config = RedPitayaConfig
    outputs = get_args(OutputName)
    settings: RedPitayaConfig

    @property
    def resources(self) -> frozenset[str]:
        """The board, under the one name it has."""
        return frozenset({board_name(self.settings.address)})

    def open(self, context: ServiceContext) -> None:
        """Connect, bring every output to 0 V, then restore what was declared before a crash."""
        self.context = context
        self._closing = ExitStack()
        self._leaving = threading.Event()
        with ExitStack() as stack, ExitStack() as failing:
            link = open_link(self.settings, stack)
            RedPitaya(link).make_safe()  # before anything else can fail
            numbers = _count_on(Counters(context.folder / f"{context.service}.traces", ("last",)))
            inputs = (self.settings.in1.calibration(), self.settings.in2.calibration())
            pitaya = RedPitaya(link, calibration=inputs, numbers=numbers, clock=context.clock)
            declared = DeclaredSettings(context.folder / f"{context.service}.declared", owner=os.getppid())
            board = SharedBoard(pitaya, declared, context.publish)
            self.link, self.board = link, board
            failing.callback(self.make_safe)
            if declared.modules():
                context.log.warning("restoring what was declared before: %s", ", ".join(declared.modules()))
                board.restore()
            else:
                known = pitaya.scope.state()
                del known["input2"]  # a trace has the second channel only if it is asked for
                board.change("scope", known, lambda: None)
            self.traces = StreamWriter(context.streams, context.service, STREAM_SPEC, self.settings.slots)
            stack.callback(self.traces.close)
            health = HealthCheck(board, self._link_changed, context.fail, context.clock, self._leaving)
            stack.callback(health.close)
            failing.pop_all()
            self._closing = stack.pop_all()

    def fixed_settings(self) -> FixedSettings:
        """Return all of them: an open board keeps its address, its calibrations and its ring."""
        return dict.fromkeys(RedPitayaConfig.model_fields, "restart")

    def make_safe(self) -> None:
        """Bring every output to 0 V; when the host is ending, nobody else reaches the board from then on."""
        if not hasattr(self, "board"):
            return
        if self.context.stopping.is_set():
            self._leaving.set()
            self.link.reserve()
            self.board.make_safe()
        else:
            self.board.silence_all()

    def make_output_safe(self, output: str) -> None:
        """Silence one module: whoever leased it is gone."""
        self.board.silence(output)

    def close(self) -> None:
        """Let go of the board."""
        self._closing.close()

    def state(self) -> dict[str, Any]:
        """Return what everything is known to be set to; the board is not asked."""
        return {"address": self.settings.address, **self.board.states()}

    def _link_changed(self, news: dict[str, Any]) -> None:
        if news["connected"]:
            self.context.log.warning("the board is back%s", ", restarted" if news["restarted"] else "")
        else:
            self.context.log.error("%s", DeviceError(news["error"]))
        self.context.publish("board", news)


def _count_on(counters: Counters) -> Iterator[int]:
    """Yield 1, 2, ...; the next process goes on. Each is used up before it is given: none is given twice."""
    while True:
        counters["last"] += 1
        yield counters["last"]
