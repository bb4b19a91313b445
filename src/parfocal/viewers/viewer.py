"""A viewer as a program holds it: by name, whichever process that is now."""

from __future__ import annotations

import atexit
import itertools
import os
import threading
import uuid
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.clock import SYSTEM_CLOCK, poll_until
from parfocal.core.errors import BadInputError, DeadlineError, ImagesFullError, ViewerError
from parfocal.processes import ServiceSpec
from parfocal.processes.identity import this_process
from parfocal.processes.standalone import (
    StandaloneRecord,
    State,
    connect_service,
    end_service,
    find_service,
    start_service,
    state_of,
)
from parfocal.viewers.kinds import KINDS, images_for
from parfocal.viewers.outbox import Job, Outbox
from parfocal.viewers.tickets import Ticket

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from parfocal.ipc import Client
    from parfocal.streams import Stream
    from parfocal.viewers.display import Display

_ANSWERS_WITHIN_S = 10.0
_STARTS = 3
_numbers = itertools.count(1)


class Viewer:
    """A viewer by name: whichever process that is now. Thread-safe; closing this program does not close it.

    Made by `open_viewer`. What is sent is queued while it starts, and kept until it has it. Nothing that
    happens to the viewer is felt here: sending takes the time of a copy.
    """

    def __init__(
        self, name: str, kind: str, *, persist: bool = False, settings: Mapping[str, Any] | None = None
    ) -> None:
        self.name, self.kind = name, kind
        self._persist = persist
        self._settings = dict(settings or {})
        self._images = images_for(name)
        self._lock = threading.Lock()
        self._client: Client | None = None
        self._token = ""
        self._starts_left = _STARTS
        self._outbox = Outbox(name, self._connected)
        atexit.register(self._images.withdraw_all)

    def __repr__(self) -> str:
        return f"<Viewer {self.name!r} ({self.kind}): {self.state}>"

    @property
    def state(self) -> State:
        """How it is now: "starting", "ready", "hung" or "exited". Nobody is asked or waited for."""
        record = find_service(self.name)
        return "exited" if record is None else state_of(record)

    @property
    def is_running(self) -> bool:
        """Whether it is ready to show something."""
        return self.state == "ready"

    @property
    def pid(self) -> int:
        """Its process; 0 if there is none."""
        record = self._record()
        return 0 if record is None else record.pid

    @property
    def error(self) -> str:
        """Why the last start failed; "" if it did not."""
        record = find_service(self.name)
        return "" if record is None else record.error

    @property
    def queued(self) -> int:
        """How many images wait for it, of all who send."""
        return self._images.waiting().images

    def start(self) -> None:
        """Start it, if it does not run; returns at once."""
        spec = ServiceSpec(name=self.name, factory=KINDS[self.kind], settings=self._settings)
        start_service(spec, owner=None if self._persist else this_process())

    def wait_ready(self, timeout_s: float = 30.0) -> None:
        """Block until it is ready.

        Raises
        ------
        ViewerError
            If it ended instead; says why.
        DeadlineError
            If `timeout_s` passed first.
        """
        settled = poll_until(lambda: self.state in ("ready", "exited"), timeout_s, every_s=0.01)
        if self.state == "exited":
            raise ViewerError(f"viewer {self.name!r} has ended: {self.error or 'it was closed'}")
        if not settled:
            raise DeadlineError(f"viewer {self.name!r} is {self.state} after {timeout_s} s")

    def show(
        self, image: NDArray[Any], layer: str = "image", index: Mapping[str, Any] | None = None
    ) -> Ticket:
        """Send an image to be painted in a layer; returns at once.

        Parameters
        ----------
        image : ndarray
            (y, x) of any number type, or (y, x, 3) uint8; copied before this returns.
        layer : str
            The pane that shows it; made if it is new.
        index : mapping, optional
            Which image of the layer, such as ``{"well": "A01", "t": 3}``.

        Returns
        -------
        Ticket
            Tells when it was received, and when it was painted. If too many bytes wait, it has failed.
        """
        return self.show_many([(image, index or {})], layer)

    def show_many(
        self, images: Iterable[tuple[NDArray[Any], Mapping[str, Any]]], layer: str = "image"
    ) -> Ticket:
        """Send several images, each with its index, under one ticket; as `show`."""
        ticket = self._new_ticket()
        sent: list[tuple[dict[str, Any], dict[str, Any]]] = []
        tokens = []
        try:
            for image, index in images:
                tokens.append(self._images.put(image))
                sent.append((msgspec.to_builtins(tokens[-1]), dict(index)))
        except (BadInputError, ImagesFullError) as error:
            for token in tokens:
                self._images.withdraw(token)
            ticket.fail(str(error))
            return ticket

        def undo() -> None:
            for token in tokens:
                self._images.withdraw(token)

        self._outbox.put(Job("show", (sent, layer, ticket.id), ticket, undo))
        return ticket

    def follow(self, stream: Stream) -> Ticket:
        """Show the newest frame of a stream, through its restarts; the ticket receives the pane's name."""
        return self._send("follow", stream.folder, stream.name)

    def overlay_beads(self, rows: Stream, service: str = "tracker") -> Ticket:
        """Draw the regions that a service owns over what is followed, coloured by its rows."""
        return self._send("overlay_beads", rows.folder, rows.name, service)

    def plot_beads(self, *beads: int) -> Ticket:
        """Plot the rows of these beads."""
        return self._send("plot_beads", list(beads))

    def select(self, layer: str, **index: Any) -> Ticket:
        """Show another image of a layer."""
        return self._send("select", layer, index)

    def remove(self, pane: str) -> Ticket:
        """Close a pane."""
        return self._send("remove", pane)

    def set_display(self, pane: str, **changes: Any) -> Ticket:
        """Change how a pane is shown; see `parfocal.viewers.display.Display`."""
        return self._send("set_display", pane, changes)

    def display(self, pane: str) -> Display:
        """Return how a pane is shown."""
        from parfocal.viewers.display import Display

        return msgspec.convert(self._ask("display", pane), Display)

    def panes(self) -> dict[str, Any]:
        """Return what is shown and how, by pane, as plain values."""
        panes: dict[str, Any] = self._ask("state")["panes"]
        return panes

    def image(self, pane: str) -> NDArray[Any]:
        """Return the image that a pane shows, as it was measured."""
        image: NDArray[Any] = self._ask("image", pane)
        return image

    def ages_s(self) -> list[float]:
        """Return how old the last thousand live frames were when they had been painted, seconds."""
        ages: list[float] = self._ask("ages_s")
        return ages

    def screenshot(self) -> NDArray[Any]:
        """Return the pixels of the window, (y, x, 3) uint8."""
        pixels: NDArray[Any] = self._ask("screenshot")
        return pixels

    def save_picture(self, path: Path) -> None:
        """Write what is seen to a PNG file."""
        self._ask("save_picture", path.absolute())

    def save_counts(self, pane: str, path: Path) -> None:
        """Write what was measured to a TIFF file."""
        self._ask("save_counts", pane, path.absolute())

    def close(self, *, force: bool = False) -> None:
        """End it for everybody, and send nothing more; nothing happens if it has ended. Idempotent."""
        self._outbox.close()
        with self._lock:
            self._let_go()
        record = self._record()
        if record is not None:
            end_service(record, force=force)

    def leave(self) -> None:
        """Send nothing more, and let it run on for others. Idempotent."""
        self._outbox.close()
        with self._lock:
            self._let_go()

    def _record(self) -> StandaloneRecord | None:
        record = find_service(self.name)
        return record if record is not None and record.process.alive else None

    def _send(self, command: str, *arguments: Any) -> Ticket:
        ticket = self._new_ticket()
        self._outbox.put(Job(command, arguments, ticket, lambda: None))
        return ticket

    def _ask(self, command: str, *arguments: Any) -> Any:
        return self._send(command, *arguments).received(_ANSWERS_WITHIN_S)

    def _new_ticket(self) -> Ticket:
        return Ticket(f"{os.getpid()}-{uuid.uuid4().hex[:8]}-{next(_numbers)}", self._wait_shown)

    def _wait_shown(self, ticket: str, timeout_s: float) -> str | None:
        client = self._connected(restart=False)
        if client is None:
            SYSTEM_CLOCK.sleep(0.01)
            raise DeadlineError(f"viewer {self.name!r} is {self.state}")
        told: str | None = client.call("wait_shown", ticket, timeout_s, timeout_s=timeout_s + 1.0)
        return told

    def _connected(self, restart: bool = True) -> Client | None:
        """Return a client of the process that the viewer is now, None while it is not ready."""
        record = self._record()
        if record is None:
            if restart and self._starts_left > 0:
                self._starts_left -= 1
                self.start()
            return None
        if state_of(record) not in ("ready", "hung"):
            return None
        with self._lock:
            if self._client is None or self._token != record.token:
                self._let_go()
                self._client, self._token = connect_service(self.name), record.token
            return self._client

    def _let_go(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()
