"""A rig that is being started from the desktop: what each service waits for, and how it went."""

from __future__ import annotations

import threading
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import AlreadyRunningError, ParfocalError
from parfocal.core.reminder import Reminder
from parfocal.processes import directory
from parfocal.rig.assemble import service_specs
from parfocal.rig.detached import DetachedStart
from parfocal.rig.layered_config import config_to_start
from parfocal.rig.named_rigs import named_rigs
from parfocal.rig.opening import load_source
from parfocal.rig.simulated import is_simulated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from parfocal.core.status import ProcessState
    from parfocal.processes import ServiceSpec
    from parfocal.processes.directory import ServiceRecord

StartState = Literal["starting", "ready", "failed", "cancelled"]
_LOOKS_EVERY_S = 0.1


class OfferedRig(NamedTuple):
    """A rig that can be started: its name, what its file says of it, and whether it needs no hardware."""

    name: str
    description: str
    simulated: bool


class StartStep(NamedTuple):
    """How far one service is with its start."""

    service: str
    state: ProcessState | Literal["waiting"]
    text: str


def known_rigs() -> list[OfferedRig]:
    """Return the rigs that come with parfocal and with installed packages, those without hardware first.

    Examples
    --------
    >>> {rig.name for rig in known_rigs() if rig.simulated} >= {"tweezers", "optogenetics", "microscope"}
    True
    """
    found = []
    for name, path in named_rigs().items():
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except ValueError:  # of a package of others: `parfocal doctor` tells
            continue
        simulated = is_simulated(content.get("services", {}))
        found.append(OfferedRig(name, content.get("description", ""), simulated))
    return sorted(found, key=lambda rig: (not rig.simulated, rig.name))


def start_steps(
    specs: Sequence[ServiceSpec], records: Mapping[str, ServiceRecord | None]
) -> tuple[StartStep, ...]:
    """Return how far each service is, and what it waits for. Pure.

    Examples
    --------
    >>> from parfocal.processes import ServiceSpec
    >>> from parfocal.processes.directory import ServiceRecord
    >>> specs = [
    ...     ServiceSpec(name="a", factory="m:A"),
    ...     ServiceSpec(name="b", factory="m:B", depends_on=("a",)),
    ... ]
    >>> for step in start_steps(specs, {"a": ServiceRecord(service="a", state="starting")}):
    ...     print(*step)
    a starting opens
    b waiting waits for its process
    >>> start_steps(specs, {name: ServiceRecord(service=name, state="starting") for name in "ab"})[1].text
    'waits for a'
    """
    return tuple(_step(spec, records) for spec in specs)


def _step(spec: ServiceSpec, records: Mapping[str, ServiceRecord | None]) -> StartStep:
    record = records.get(spec.name)
    if record is None:
        return StartStep(spec.name, "waiting", "waits for its process")
    if record.state != "starting":
        return StartStep(spec.name, record.state, record.error.partition("\n")[0] or record.state)
    others = ((name, records.get(name)) for name in spec.depends_on)
    missing = [name for name, other in others if other is None or other.state != "ready"]
    if missing:
        return StartStep(spec.name, "waiting", f"waits for {', '.join(missing)}")
    return StartStep(spec.name, "starting", "opens")


class RigStart:
    """Starts a rig, detached, in a thread; the window looks at what has become of it. Never waits.

    Parameters
    ----------
    source : str
        A rig file, or the name of a built-in rig.

    Attributes
    ----------
    rig : str
        Its name, once its file was read.
    state : str
        "starting", "ready", "failed" or "cancelled".
    error : str
        Why it failed.
    steps : tuple of StartStep
        How far its services are.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.rig = Path(source).stem
        self.state: StartState = "starting"
        self.error = ""
        self.steps: tuple[StartStep, ...] = ()
        self._cancelled = threading.Event()
        self._ended = threading.Event()
        self._start: DetachedStart | None = None
        self._thread = threading.Thread(target=self._run, name=f"start of {source}", daemon=True)
        self._thread.start()
        self._reminder = Reminder(self, f"the start of {source!r}", "call its leave()")

    def cancel(self) -> None:
        """Have all ended that was started; the state tells when it is so."""
        self._cancelled.set()
        if self._start is not None:
            self._start.cancel()

    def leave(self) -> None:
        """Look at it no more; the rig goes on starting. Idempotent."""
        self._reminder.cancel()
        self._ended.set()

    def _run(self) -> None:
        try:
            self._start_rig()
            self.state = "ready"
        except AlreadyRunningError:  # somebody else was faster
            self.state = "ready"
        except (ParfocalError, OSError) as error:
            self.error = str(error)
            self.state = "cancelled" if self._cancelled.is_set() else "failed"
        finally:
            self._ended.set()

    def _start_rig(self) -> None:
        layered = config_to_start(load_source(self.source))
        self.rig = layered.config.name
        specs = service_specs(layered.config)
        self._start = DetachedStart(layered)
        if self._cancelled.is_set():  # meanwhile
            self._start.cancel()
        threading.Thread(target=self._watch, args=(specs,), name=f"steps of {self.rig}", daemon=True).start()
        self._start.wait()

    def _watch(self, specs: Sequence[ServiceSpec]) -> None:
        """Read the records of services until the start has ended."""
        while not self._ended.is_set():
            with suppress(OSError):
                records = {spec.name: directory.record(self.rig, spec.name) for spec in specs}
                self.steps = start_steps(specs, records)
            SYSTEM_CLOCK.wait(self._ended, _LOOKS_EVERY_S)
