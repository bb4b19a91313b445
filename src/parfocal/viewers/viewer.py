"""A viewer as a program holds it: by name, whichever process that is now."""

from __future__ import annotations

import atexit
import itertools
import os
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import msgspec
from numpy.typing import NDArray

from parfocal.core.clock import SYSTEM_CLOCK, poll_until
from parfocal.core.errors import BadInputError, DeadlineError, ImagesFullError, ViewerError
from parfocal.processes.standalone import State, end_service
from parfocal.viewers.annotating import ViewerAnnotations
from parfocal.viewers.annotations import arrays_of, settings_of
from parfocal.viewers.connection import ViewerConnection
from parfocal.viewers.kinds import images_for
from parfocal.viewers.outbox import Job, Outbox
from parfocal.viewers.questions import ViewerQuestions
from parfocal.viewers.tickets import Ticket

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from parfocal.streams import ImageToken, Stream
    from parfocal.viewers.annotations import Annotation

_ANSWERS_WITHIN_S = 10.0
_numbers = itertools.count(1)
Put = Callable[[NDArray[Any]], dict[str, Any]]
"""Copies an array into shared memory; returns what stands for it in a command."""


@runtime_checkable
class FollowedRun(Protocol):
    """A run of a rig, by their names: the handle of one."""

    @property
    def rig(self) -> str:
        """Name of the rig."""

    @property
    def name(self) -> str:
        """Name of the run."""


class Viewer(ViewerQuestions, ViewerAnnotations):
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

        def pack(put: Put, ticket: str) -> tuple[Any, ...]:
            return [(put(image), dict(index)) for image, index in images], layer, ticket

        return self._send_images("show", pack)

    def follow(self, source: Stream | FollowedRun) -> Ticket:
        """Show what a stream or a run brings, as it comes, through restarts; nobody waits for the viewer.

        Parameters
        ----------
        source : Stream or RunHandle
            Of a stream of frames the newest; of a stream of rows its columns of numbers, plotted, the newest
            twenty seconds. Of a run, which need not have begun, its images in a pane for each channel, with
            sliders for positions and times, and over them the cells, the masks that were fired, and the
            tracks of the last hundred time points. Cells that are picked there (`pick`, or a click) are the
            run's `picked`: a pipeline can light them next. When the budget is full, its oldest images go.

        Returns
        -------
        Ticket
            Receives the name of the pane, or of the run's layer.
        """
        if isinstance(source, FollowedRun):
            return self._send("follow_run", source.rig, source.name)
        return self._send("follow", source.folder, source.name)

    def followed_runs(self) -> list[dict[str, Any]]:
        """Return how far each run is that is followed, as plain values; asks the viewer."""
        runs: list[dict[str, Any]] = self._ask("state")["followed"]["runs"]
        return runs

    def overlay_beads(self, rows: Stream, service: str = "tracker") -> Ticket:
        """Draw the regions that a service owns over what is followed, coloured by its rows."""
        return self._send("overlay_beads", rows.folder, rows.name, service)

    def plot_beads(self, *beads: int) -> Ticket:
        """Plot the rows of these beads."""
        return self._send("plot_beads", list(beads))

    def select(self, layer: str, *, keep: bool = False, **index: Any) -> Ticket:
        """Show another image of a layer or pane; components that are not named stay as they are.

        Parameters
        ----------
        keep : bool
            Stay there when others come, as after a person has moved a slider; at the newest time point of a
            place it goes on with that place. Without, the next image that comes is shown.
        index : any
            Such as ``well="A01", t=3``; none for the newest image.
        """
        return self._send("select", layer, index, keep)

    def components(self, layer: str = "", *, padding: str = "", **component: str) -> Ticket:
        """Make components of images, such as well and t, a "dimension" of a stack or "layer"s side by side.

        Acts at once on what is shown, and on what comes. Each layer that a component splits off is a pane
        called like "nuclei channel-488".

        Parameters
        ----------
        layer : str
            Whose components; "" for all layers.
        padding : "corner" or "centre"
            Where an image smaller than the largest of its stack lies; at first "corner", then as it was.
        component : "dimension" or "layer"
            By name; those not named stay as they are, at first dimensions.
        """
        return self._send("components", layer, component, padding)

    def pick(self, pane: str, x_px: float, y_px: float) -> Ticket:
        """Pick the cell at a point, or let go of it, as a click does; the ticket receives all that are."""
        return self._send("pick", pane, x_px, y_px)

    def remove(self, pane: str, annotation: str = "") -> Ticket:
        """Close a pane, or all panes of a layer; take back only an annotation over it if one is named."""
        return self._send("remove", pane, annotation)

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

    def _lay(self, over: str, make: Callable[[], Annotation]) -> Ticket:
        def pack(put: Put, ticket: str) -> tuple[Any, ...]:
            annotation = make()
            arrays = {
                name: put(array) if array.size else None for name, array in arrays_of(annotation).items()
            }
            return annotation.kind, over, arrays, settings_of(annotation), ticket

        return self._send_images("annotate", pack)

    def _send_images(self, command: str, pack: Callable[[Put, str], tuple[Any, ...]]) -> Ticket:
        """Send a command with arrays in shared memory.

        ``pack(put, ticket)`` returns its arguments; ``put(array)`` copies an array, and returns what stands
        for it. If it raises, nothing is left there, and the ticket has failed.
        """
        ticket = self._new_ticket()
        tokens: list[ImageToken] = []

        def put(array: NDArray[Any]) -> dict[str, Any]:
            tokens.append(self._images.put(array))
            plain: dict[str, Any] = msgspec.to_builtins(tokens[-1])
            return plain

        def undo() -> None:
            for token in tokens:
                self._images.withdraw(token)

        try:
            arguments = pack(put, ticket.id)
        except (BadInputError, ImagesFullError) as error:
            undo()
            ticket.fail(str(error))
        else:
            self._outbox.put(Job(command, arguments, ticket, undo))
        return ticket

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
