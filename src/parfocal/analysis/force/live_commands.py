"""Commands of live forces and force-extension curves: what the force service has beside its motions."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from parfocal.analysis.force.live_messages import LiveAsk, LiveFound, LiveSetup
from parfocal.analysis.force.live_process import LiveForceProcess
from parfocal.analysis.force.live_records import (
    EXTENSION_DTYPE,
    LIVE_DTYPE,
    ForceExtension,
    LiveForce,
    LiveStatus,
    live_force,
)
from parfocal.analysis.force.live_settings import MOST_BEAD, Anchor, checked_anchor
from parfocal.core.errors import BadInputError, CommandError, DeviceError, ParfocalError, StreamTimeoutError
from parfocal.core.files import replace_file
from parfocal.core.frames import RowSpec
from parfocal.ipc import command, current_call
from parfocal.streams import StreamWriter

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import ExitStack
    from pathlib import Path

    from parfocal.analysis.force.magnet_table import MagnetTable
    from parfocal.analysis.force.settings import ForceConfig
    from parfocal.ipc import Client
    from parfocal.processes import ServiceContext

Chosen = list[int] | Literal["all"]
_SLOTS = 1 << 14
_LIMIT_S, _LOOK_S = 20.0, 0.05
_ANSWER_S, _FIRST_ANSWER_S = 1.0, 10.0
"""How long the camera may take to tell its exposure: once it was told, forces do not wait for it."""
_PATIENCE_NS = 5_000_000_000


class LiveMemory(msgspec.Struct, kw_only=True):
    """What outlives a restart of the service, in a file of the rig's streams.

    Attributes
    ----------
    owner : int
        Pid of the rig's main process: what another rig left is not taken up.
    on : bool
        Whether forces are made.
    beads : tuple of int or None
        Of which; None for all.
    anchors : dict of int to Anchor
        Where the surface below beads is.
    """

    owner: int = 0
    on: bool = False
    beads: tuple[int, ...] | None = None
    anchors: dict[int, Anchor] = {}


class LiveForces:
    """Has a worker make the forces on beads, again and again, and tells of them. See `LiveConfig`.

    Parameters
    ----------
    settings : callable
        Returns those of the service, as they are now.
    table : callable
        Returns the magnet's table, None if there is none.
    """

    def __init__(self, settings: Callable[[], ForceConfig], table: Callable[[], MagnetTable | None]) -> None:
        self._settings, self._table = settings, table
        self._lock = threading.Lock()  # of these two: the loop makes rows of what commands have asked for
        self._memory = LiveMemory()
        self._newest: dict[int, Any] = {}
        self._curves = 0
        self._updates, self._took_s, self._problem = 0, 0.0, ""
        self._exposure_s: float | None = None
        self._camera: Client | None = None

    def open(self, context: ServiceContext, stack: ExitStack) -> None:
        """Make the streams; forces that were made before a restart are made again."""
        settings = self._settings()
        self._context = context
        self._path = context.streams / f"{context.service}.live"
        self._memory = _remembered(self._path, os.getppid())
        live, curves = streams_of(context.service)
        self._live = StreamWriter(context.streams, live, RowSpec.of(LIVE_DTYPE), _SLOTS)
        stack.callback(self._live.close)
        self._points = StreamWriter(context.streams, curves, RowSpec.of(EXTENSION_DTYPE), _SLOTS)
        stack.callback(self._points.close)
        setup = LiveSetup(
            streams=str(context.streams),
            tracks=settings.tracks,
            frames=settings.frames,
            magnet=settings.magnet,
            axis=settings.axis,
        )
        self._worker = LiveForceProcess(setup, _LIMIT_S, self._note)
        stack.callback(self._worker.end)
        self._due_ns = 0

    def step(self) -> float | None:
        """Have new forces made if that is due; return when the next ones are, None while it is off."""
        if not self._memory.on:
            self._worker.end()
            return None
        now_ns = self._context.clock.monotonic_ns()
        if now_ns >= self._due_ns:
            self._due_ns = now_ns + round(self._settings().interval_s * 1e9)
            self._update()
        return max(0.0, (self._due_ns - self._context.clock.monotonic_ns()) * 1e-9)

    @command(lane="live", effect="reads")
    def live_on(self, beads: Chosen = "all") -> LiveStatus:
        """Make forces of the motion of beads from now on, every `interval_s`: rows of a stream, `live`."""
        self._remember(forget=True, on=True, beads=_chosen(beads))
        return self.live_status()

    @command(lane="live", effect="reads")
    def live_off(self) -> LiveStatus:
        """Make none any more; force-extension curves end there, too, and their points are kept."""
        self._remember(forget=True, on=False)
        return self.live_status()

    @command(lane="read", effect="reads")
    def live_status(self) -> LiveStatus:
        """Return whether forces are made, of which beads, how long it takes, and what is wrong."""
        memory = self._memory
        return LiveStatus(
            on=memory.on,
            beads=tuple(sorted(self._told())) if memory.beads is None else memory.beads,
            updates=self._updates,
            took_s=self._took_s,
            restarts=self._worker.restarts,
            worker_pid=self._worker.pid,
            problem=self._problem,
        )

    @command(lane="live", effect="reads")
    def live(self, bead: int) -> LiveForce:
        """Return the newest force on a bead, by its motion; switches `live_on` for it if that is not done.

        Waits for the first one, some seconds. Raises `DeviceError` if there are no rows of the bead.
        """
        memory, (bead,) = self._memory, _checked([bead])
        if bead in self._settings().references:
            raise BadInputError(f"bead {bead} is one of the references, which have no force")
        if not memory.on:
            self._remember(on=True, beads=(bead,))
        elif memory.beads is not None and bead not in memory.beads:
            self._remember(beads=(*memory.beads, bead))
        told = self._wait(lambda told: bead in told)
        return live_force(told[bead], self._context.clock.monotonic_ns())

    @command(lane="live", effect="reads")
    def live_all(self) -> tuple[LiveForce, ...]:
        """Return the newest forces on all beads that were switched on, all of one update; waits as `live`."""
        if not self._memory.on:
            self._remember(on=True, beads=None)
        told = self._wait(bool)
        now_ns = self._context.clock.monotonic_ns()
        return tuple(live_force(told[bead], now_ns) for bead in sorted(told))

    @command(lane="live", effect="reads")
    def extension(self, bead: int) -> ForceExtension:
        """Return the force-extension curve of a bead, as far as it has grown, with the chain that fits it.

        It grows while forces are made (`live_on`), by the magnet's table and the heights of the bead.
        """
        (bead,) = _checked([bead])
        return self._ask(fits=(bead,)).fits.get(
            bead,
            ForceExtension(
                bead=bead, forces_pn=(), extensions_nm=(), sigmas_nm=(), samples=(), reason="no points yet"
            ),
        )

    @command(lane="live", effect="reads")
    def new_extensions(self) -> None:
        """Begin all force-extension curves anew."""
        self._curves += 1

    @command(lane="live", effect="changes")
    def set_anchors(self, anchors: dict[int, float], sigma_nm: float = 0.0) -> dict[int, Anchor]:
        """Say where the surface below beads is: the `z_nm` that each would have there. Returns all of them.

        Extensions count from there; tables of z are per bead, and so are anchors. {} forgets all.
        """
        _checked(anchors)
        new = {int(bead): checked_anchor(z_nm, sigma_nm) for bead, z_nm in anchors.items()}
        self._remember(anchors={**self._memory.anchors, **new} if new else {})
        return self._memory.anchors

    @command(lane="live", effect="changes")
    def find_anchors(self, beads: Chosen = "all") -> dict[int, Anchor]:
        """Take the lowest hundredth of the heights of beads within the window as the surface below them.

        That is where a bead touches it: with the magnet so far away that beads do, now and then. Returns all
        anchors.
        """
        wanted, found = _chosen(beads), self._ask(lowest=True).surfaces
        chosen = {bead: found[bead] for bead in (found if wanted is None else wanted) if bead in found}
        if not chosen:
            raise DeviceError(
                "there are not enough heights of these beads within the window: have they z tables?"
            )
        self._remember(anchors={**self._memory.anchors, **chosen})
        return self._memory.anchors

    @command(lane="read", effect="reads")
    def anchors(self) -> dict[int, Anchor]:
        """Return where the surface below beads is, as far as that is known."""
        return self._memory.anchors

    def state(self) -> dict[str, Any]:
        """Return what the record of a run keeps of it."""
        memory = self._memory
        return {
            "live_forces": {
                "on": memory.on,
                "beads": "all" if memory.beads is None else list(memory.beads),
                "anchors": {str(bead): [each.z_nm, each.sigma_nm] for bead, each in memory.anchors.items()},
            }
        }

    def _update(self) -> None:
        """Have forces made, and tell of them; what speaks against that is told once.

        If something else was asked for meanwhile, they are not told: the next ones come at once.
        """
        memory = self._memory
        try:
            found = self._ask(rows=True)
        except ParfocalError as error:
            found = LiveFound(problem=str(error))
        with self._lock:
            if memory is not self._memory or self._context.stopping.is_set():
                return
            if not found.problem:
                self._newest = {int(row["bead"]): row for row in found.rows}
        if found.problem and found.problem != self._problem:
            self._context.log.warning("no live forces: %s", found.problem)
        self._problem = found.problem
        if found.problem:
            return
        self._updates, self._took_s = self._updates + 1, found.took_s
        for writer, rows in ((self._live, found.rows), (self._points, found.points)):
            try:
                writer.write_rows(rows, timeout_s=0.0)
            except StreamTimeoutError as error:
                self._context.log.warning("forces are not in the stream %r: %s", writer.name, error)

    def _ask(self, **wanted: Any) -> LiveFound:
        """Have the worker answer; raises `DeviceError` with what it says is wrong."""
        settings, table, memory = self._settings(), self._table(), self._memory
        if not memory.on:
            raise BadInputError("no live forces are made: switch them on with live_on()")
        found = self._worker.ask(
            LiveAsk(
                beads=memory.beads,
                references=settings.references,
                window_s=settings.window_s,
                exposure_s=self._exposure(),
                physics=settings.physics(),
                anchors=memory.anchors,
                heights=() if table is None else tuple(table.heights),
                forces_pn=() if table is None else tuple(table.forces_pn),
                curves=self._curves,
                **wanted,
            )
        )
        if found.problem:
            raise DeviceError(found.problem)
        return found

    def _exposure(self) -> float:
        """Return how long the camera exposes; if it does not answer, as it said before."""
        if self._camera is None:
            self._camera = self._context.connect(self._settings().camera)
        limit_s = _FIRST_ANSWER_S if self._exposure_s is None else _ANSWER_S
        try:
            self._exposure_s = float(self._camera.call("exposure_ms", timeout_s=limit_s)) * 1e-3
        except CommandError as error:
            if self._exposure_s is None:
                raise DeviceError(f"the camera does not tell its exposure: {error}") from error
        return self._exposure_s

    def _wait(self, is_enough: Callable[[dict[int, Any]], bool]) -> dict[int, Any]:
        """Return the newest rows once they are enough.

        Raises `DeviceError` when two updates, and five seconds, brought none.
        """
        call, enough, clock = current_call(), self._updates + 2, self._context.clock
        patient_until_ns = clock.monotonic_ns() + _PATIENCE_NS
        while not is_enough(told := self._told()):
            if self._problem:
                raise DeviceError(f"no live forces: {self._problem}")
            if self._updates >= enough and clock.monotonic_ns() >= patient_until_ns:
                raise DeviceError("the tracker gives no rows of such a bead: see tracker.list_rois()")
            call.wait(_LOOK_S)
        return told

    def _told(self) -> dict[int, Any]:
        """Return the newest rows of beads that are still asked for."""
        with self._lock:
            wanted, newest = self._memory.beads, self._newest
        return {bead: row for bead, row in newest.items() if wanted is None or bead in wanted}

    def _remember(self, *, forget: bool = False, **changes: Any) -> None:
        """Change what outlives a restart; with `forget` the newest rows are of what was asked for before."""
        with self._lock:
            self._memory = msgspec.structs.replace(self._memory, owner=os.getppid(), **changes)
            if forget:
                self._newest = {}
        replace_file(self._path, msgspec.json.encode(self._memory))
        self._problem, self._due_ns = "", 0
        self._context.wake()

    def _note(self, what: str) -> None:
        self._context.log.error("%s", what)
        self._context.publish("live_force", what)


def streams_of(service: str) -> tuple[str, str]:
    """Return the streams of live forces and of force-extension curves of a service.

    Examples
    --------
    >>> streams_of("force")
    ('live_force', 'force_extension')
    """
    return f"live_{service}", f"{service}_extension"


def _checked(beads: Iterable[int]) -> tuple[int, ...]:
    """Return numbers of beads; `BadInputError` if one can be none."""
    numbers = tuple(int(bead) for bead in beads)
    if wrong := [bead for bead in numbers if not 0 <= bead <= MOST_BEAD]:
        raise BadInputError(f"beads have numbers from 0 on, not {wrong}: see tracker.list_rois()")
    return numbers


def _chosen(beads: Chosen) -> tuple[int, ...] | None:
    """Return which beads are meant, each once, None for all; refuses none."""
    chosen = None if beads == "all" else _checked(dict.fromkeys(beads))
    if chosen == ():
        raise BadInputError('beads is empty: name some, or "all"')
    return chosen


def _remembered(path: Path, owner: int) -> LiveMemory:
    """Return what an earlier process of the service left, if it was of this rig."""
    try:
        memory = msgspec.json.decode(path.read_bytes(), type=LiveMemory)
    except FileNotFoundError:
        return LiveMemory()
    return memory if memory.owner == owner else LiveMemory()
