"""A viewer as a program holds it: by name, whichever process that is now."""

from __future__ import annotations

import atexit
import itertools
import os
import uuid
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.clock import SYSTEM_CLOCK, poll_until
from parfocal.core.errors import BadInputError, DeadlineError, ImagesFullError, ViewerError
from parfocal.processes.standalone import State, end_service
from parfocal.viewers.connection import ViewerConnection
from parfocal.viewers.kinds import images_for
from parfocal.viewers.outbox import Job, Outbox
from parfocal.viewers.questions import ViewerQuestions
from parfocal.viewers.tickets import Ticket

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from parfocal.streams import Stream

_ANSWERS_WITHIN_S = 10.0
_numbers = itertools.count(1)


class Viewer(ViewerQuestions):
    """A viewer by name: whichever process that is now. Thread-safe; closing this program does not close it.

    Made by `open_viewer`. What is sent is queued while it starts, and kept until it has it. Nothing that
    happens to the viewer is felt here: sending takes the time of a copy.
    """

    def __init__(
        self, name: str, kind: str, *, persist: bool = False, settings: Mapping[str, Any] | None = None
    ) -> None:
        self.name, self.kind = name, kind
        self._connection = ViewerConnection(name, kind, persist, settings or {})
        self._images = images_for(name)
        self._outbox = Outbox(name, self._connection.client)
        atexit.register(self._images.withdraw_all)

    def __repr__(self) -> str:
        return f"<Viewer {self.name!r} ({self.kind}): {self.state}>"

    @property
    def state(self) -> State:
        """How it is now: "starting", "ready", "hung" or "exited". Nobody is asked or waited for."""
        return self._connection.state

    @property
    def is_running(self) -> bool:
        """Whether it is ready to show something."""
        return self.state == "ready"

    @property
    def pid(self) -> int:
        """Its process; 0 if there is none."""
        record = self._connection.record()
        return 0 if record is None else record.pid

    @property
    def error(self) -> str:
        """Why the last start failed; "" if it did not."""
        return self._connection.error

    @property
    def queued(self) -> int:
        """How many images wait for it, of all who send."""
        return self._images.waiting().images

    def start(self) -> None:
        """Start it, if it does not run; returns at once."""
        self._connection.start()

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
        """Show the newest frame of a stream, through its restarts; the ticket receives the pane's name.

        Of a stream of rows its columns of numbers are plotted, the newest twenty seconds.
        """
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

    def take_over(self, state: Mapping[str, Any]) -> Ticket:
        """Go on for a viewer that had this `state`: follow what it followed, show panes as it showed them."""
        return self._send("take_over", dict(state))

    def set_display(self, pane: str, **changes: Any) -> Ticket:
        """Change how a pane is shown; see `parfocal.viewers.display.Display`."""
        return self._send("set_display", pane, changes)

    def close(self, *, force: bool = False) -> None:
        """End it for everybody, and send nothing more; nothing happens if it has ended. Idempotent."""
        self.leave()
        record = self._connection.record()
        if record is not None:
            end_service(record, force=force)

    def leave(self) -> None:
        """Send nothing more, and let it run on for others. Idempotent."""
        self._outbox.close()
        self._connection.close()

    def _send(self, command: str, *arguments: Any) -> Ticket:
        ticket = self._new_ticket()
        self._outbox.put(Job(command, arguments, ticket, lambda: None))
        return ticket

    def _ask(self, command: str, *arguments: Any) -> Any:
        return self._send(command, *arguments).received(_ANSWERS_WITHIN_S)

    def _new_ticket(self) -> Ticket:
        return Ticket(f"{os.getpid()}-{uuid.uuid4().hex[:8]}-{next(_numbers)}", self._wait_shown)

    def _wait_shown(self, ticket: str, timeout_s: float) -> str | None:
        client = self._connection.client(restart=False)
        if client is None:
            SYSTEM_CLOCK.sleep(0.01)
            raise DeadlineError(f"viewer {self.name!r} is {self.state}")
        stated: str | None = client.call("wait_shown", ticket, timeout_s, timeout_s=timeout_s + 1.0)
        return stated
