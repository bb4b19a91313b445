"""Runs a service in its process: loop, heartbeat, server, locks, and an orderly end."""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.ipc import RELEASED, CommandTable, Server, ServerStatistics
from parfocal.processes.child_pipe import Begin, Ending, Failure, HandShake, NewSettings, Reports
from parfocal.processes.commands import command_sources
from parfocal.processes.heartbeat import Heartbeat
from parfocal.processes.loading import load_service
from parfocal.processes.logs import HealthLines, set_verbose
from parfocal.processes.loop import MainLoop
from parfocal.processes.resources import owned
from parfocal.processes.service import LOOP, Service, ServiceContext
from parfocal.processes.setting_changes import changed_while_open, named_settings
from parfocal.processes.setting_layers import Source, sources_of
from parfocal.processes.settings import kept_for_restart, plain
from parfocal.processes.system import return_free_memory
from parfocal.processes.validation import validate

COMMANDS_END_WITHIN_S = 0.5
"""How long running commands get to end when the service does."""
READY_WRITTEN_WITHIN_S = 1.0
"""How long the first step waits for the news that the service is ready to be written."""


class Host:
    """Runs one service in the main thread of this process, from import to close.

    Attributes
    ----------
    rig, name : str
        Where it runs, and under which name.
    service : Service
        Once it has been made.
    settings_version : int
        How often its settings were changed.
    may_open : threading.Event
        Set when everything that the service depends on is ready.
    is_safe, is_over : threading.Event
        Set when `make_safe` has run on the way out; when everything is closed.
    stop_reason : str
        Why it ends, or is about to; "" before that.
    terminated : bool
        Whether somebody else than the rig ended it.
    left_behind : tuple of str
        Commands that outlasted the server: they may switch something on as long as this process lives.
    """

    service: Service

    def __init__(
        self,
        begin: Begin,
        reporter: Reports,
        clock: Clock = SYSTEM_CLOCK,
        hello: Mapping[str, Any] | None = None,
    ) -> None:
        self.rig, self.name = begin.rig, begin.spec.name
        self._hello = hello or {}
        self._begin = begin
        self._spec = begin.spec
        self._reporter = reporter
        self._clock = clock
        self._loop: MainLoop | None = None
        self._server: Server | None = None
        self._log = logging.getLogger(self._spec.name)
        self._health = HealthLines(self._log, lambda: self.service.health_line(), clock)
        self._live: dict[str, Any] = {}
        self.settings_version = 0
        self._failed = False
        self._opened = False
        self.may_open = threading.Event()
        self.stopping = threading.Event()
        self.is_safe = threading.Event()
        self.is_over = threading.Event()
        self.stop_reason = ""
        self.terminated = False
        self.left_behind: tuple[str, ...] = ()

    @property
    def calls(self) -> int:
        """How many calls it has taken; 0 before it is open."""
        return self._server.statistics().calls if self._server is not None else 0

    @property
    def is_called(self) -> bool:
        """Whether a call waits or runs now."""
        if self._server is None:
            return False
        statistics = self._server.statistics()
        return statistics.queued + statistics.running > 0

    @property
    def ending(self) -> bool:
        """Whether it is on its way out."""
        return self.stopping.is_set()

    def run(self) -> bool:
        """Import, open, loop, close; return whether nothing fatal happened. Blocks until the end."""
        try:
            with ExitStack() as stack:
                loop = self._open(stack)
                if loop is not None and not self.ending:
                    loop.run(self.service.step, self._heartbeat.begin_step, self._heartbeat.end_step)
        except BaseException as error:  # noqa: BLE001 (border of the process: told to the parent, exit code 1)
            self._report_fatal(error)
        self.is_safe.set()
        self.is_over.set()
        return not self._failed

    def end(self, reason: str) -> None:
        """Have the loop end after its present step. Any thread."""
        if not self.ending:
            self._log.debug("ending: %s", reason)
        self.stop_reason = self.stop_reason or reason
        self.stopping.set()
        self.may_open.set()
        if self._loop is not None:
            self._loop.end()

    def terminate(self) -> None:
        """As `end`, for a signal from outside: unless the end was meant already, it is none in order."""
        if not self.ending:
            self.terminated = True
            self._reporter.send(Failure(error="somebody sent it SIGTERM", traceback="", fatal=True))
        self.end("it was sent SIGTERM")

    def leave(self, reason: str) -> None:
        """As `end`, and tell the supervisor that it is meant."""
        self._reporter.send(Ending(reason))
        self.end(reason)

    def fail(self, error: BaseException) -> None:
        """End as if the step had raised `error`. Any thread."""
        self._report_fatal(error)
        self.end("it failed")

    def note(self, error: BaseException) -> None:
        """Tell the rig about an error that ends nothing. Any thread."""
        self._reporter.send(_failure(error, fatal=False))

    def make_safe(self) -> None:
        """Make the service safe; an error in that is told, not raised. Any thread."""
        service = getattr(self, "service", None)
        if service is None:
            return
        try:
            service.make_safe()
        except Exception as error:  # noqa: BLE001 (border of a callback: told and counted, the way out goes on)
            self.note(error)
        else:
            if self.ending:
                self.is_safe.set()

    def _make_safe_for(self, output: str, reason: str) -> None:
        """Make one output safe, or all: its commander is lost. Called in a thread of the server's."""
        level = logging.INFO if reason == RELEASED else logging.WARNING
        self._log.log(level, "%s made safe: %s", f"output {output!r} is" if output else "outputs are", reason)
        if output:
            self._guarded(lambda: self.service.make_output_safe(output))
        else:
            self.make_safe()

    def end_leases(self, reason: str) -> None:
        """Tell those who have leased outputs that these were made safe, and why. Any thread."""
        if self._server is not None:
            self._server.made_safe(reason)

    def traffic(self) -> ServerStatistics | None:
        """Return what the server did so far, and what it holds; None before it serves."""
        return self._server.statistics() if self._server is not None else None

    def change_settings(self, changes: dict[str, Any]) -> dict[str, Any]:
        """Check and apply changes in the main thread; tell subscribers and the supervisor."""
        old = self.service.settings
        new = changed_while_open(self.name, self.service, changes)
        kept = kept_for_restart(new)
        self.service.settings_changed(old, new)
        self.service.settings = new
        values = plain(new)
        live = named_settings(type(new), kept, changes)
        self._live = {**self._live, **live}
        self.settings_version += 1
        self._publish("settings", values)
        self._reporter.send(NewSettings(kept, live))
        return values

    def setting_sources(self) -> dict[str, Source]:
        """Return where each setting that is not as by default comes from, by path."""
        layers = self._spec.layers
        return sources_of({**layers, "live": {**layers.get("live", {}), **self._live}})

    def set_verbose(self, on: bool) -> None:
        """Switch verbose logging and the health line."""
        set_verbose(on)
        self._health.switch(on)
        self._log.info("verbose logging is %s", "on" if on else "off")

    def _open(self, stack: ExitStack) -> MainLoop | None:
        """Bring everything up; `stack` takes down what was brought up, and makes the service safe first.

        Returns
        -------
        MainLoop or None
            What to run; None if it shall end before it was opened.
        """
        kind = load_service(self._spec.factory)
        settings = validate(kind.Config, self._spec.settings)
        self.may_open.wait()
        if self.ending:
            return None
        folder = Path(self._begin.folder)
        limit_s = self._spec.step_limit_s or kind.step_limit_s
        self._heartbeat = Heartbeat(folder / f"{self._spec.name}.beat", limit_s, self._clock)
        self._heartbeat.start()
        service = kind(settings)
        stack.enter_context(owned(service.resources, f"{self._begin.rig}/{self._spec.name}"))
        self._loop = loop = kind.make_loop(self._clock)
        context = self._context(folder, loop)
        stack.callback(context.close_clients)
        self.service = service
        server = self._make_server(folder, loop)
        stack.callback(self._close, server)
        service.open(context)
        return_free_memory()
        self._opened = True
        server.start()
        self._server = server
        if self._begin.verbose:
            self.set_verbose(True)
        self._reporter.send(HandShake())
        self._reporter.flush(READY_WRITTEN_WITHIN_S)  # a first step may let no other thread run
        return loop

    def _close(self, server: Server) -> None:
        """Safe state first; again when no command can change it any more, but for those left behind."""
        self.stopping.set()
        self.make_safe()
        self.left_behind = server.close(COMMANDS_END_WITHIN_S)
        self.make_safe()
        if self.left_behind:
            commands = ", ".join(self.left_behind)
            self._log.warning("%s did not end: outputs are made safe again right before the exit", commands)
        if self._opened:
            self._guarded(self.service.close)

    def _make_server(self, folder: Path, loop: MainLoop) -> Server:
        return Server(
            CommandTable.of(*command_sources(self, standalone=self._begin.standalone)),
            folder,
            self._spec.name,
            hello={"rig": self.rig, "factory": self._spec.factory, **self._hello},
            executors={LOOP: loop},
            make_safe=self._make_safe_for,
            outputs=self.service.outputs,
            clock=self._clock,
        )

    def _context(self, folder: Path, loop: MainLoop) -> ServiceContext:
        return ServiceContext(
            rig=self._begin.rig,
            service=self._spec.name,
            streams=Path(self._begin.streams),
            folder=folder,
            log=self._log,
            publish=self._publish,
            wake=loop.wake,
            leave=self.leave,
            fail=self.fail,
            end=self.leave,
            stopping=self.stopping,
            stop_reason=lambda: self.stop_reason,
            clock=self._clock,
            change_settings=self.change_settings,
        )

    def _publish(self, topic: str, payload: Any) -> None:
        if self._server is not None:
            self._server.publish(topic, payload)

    def _guarded(self, close: Callable[[], None]) -> None:
        try:
            close()
        except Exception as error:  # noqa: BLE001 (border of a callback: told and counted, the way out goes on)
            self.note(error)

    def _report_fatal(self, error: BaseException) -> None:
        if not self._failed:
            self._failed = True
            self._reporter.send(_failure(error, fatal=True))


def _failure(error: BaseException, fatal: bool) -> Failure:
    return Failure(
        error=f"{type(error).__name__}: {error}",
        traceback="".join(traceback.format_exception(error)),
        fatal=fatal,
        kind=type(error).__name__,
    )
