"""Viewers from outside: found or started by name, fed, asked, closed. No Qt is imported here."""

from __future__ import annotations

import importlib.util
import os
import sys
from contextlib import suppress
from importlib.metadata import version
from typing import Any

import msgspec

from parfocal.core.clock import poll_until
from parfocal.core.errors import BadInputError, CommandError, ViewerError, nearest
from parfocal.processes.standalone import (
    StandaloneRecord,
    State,
    connect_service,
    end_service,
    find_service,
    services,
    state_of,
)
from parfocal.viewers.kinds import images_for, viewer_kinds
from parfocal.viewers.viewer import Viewer

_ANSWERS_WITHIN_S = 10.0
"""How long a viewer that is replaced may draw before it tells what it shows."""
_NEEDS = {
    "live": (("PySide6", "pyqtgraph"), "desktop"),
    "napari": (("PySide6", "pyqtgraph", "napari"), "napari"),
}
"""The packages that a window of a kind needs, and the extra that brings them."""


class ViewerInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A viewer as a listing shows it.

    Attributes
    ----------
    name, kind : str
        What it is called, and what it is.
    state : str
        "starting", "ready", "hung" or "exited".
    pid : int
        Its process.
    version : str
        Of the parfocal that runs it.
    persist : bool
        Whether it outlives the process that opened it.
    queued : int
        Images that wait for it, of all who send.
    error : str
        Why it ended, if it failed.
    """

    name: str
    kind: str
    state: State
    pid: int
    version: str
    persist: bool
    queued: int
    error: str = ""


def open_viewer(
    name: str = "main",
    kind: str = "live",
    *,
    persist: bool = False,
    title: str = "",
    theme: str = "dark",
    budget_mb: float = 1024.0,
    replace: bool = False,
) -> Viewer:
    """Return the viewer of a name; start it if there is none. Returns at once, and goes on in the background.

    Exactly one process is started, however many threads and programs ask at once.

    Parameters
    ----------
    name : str
        Letters, digits, ``-`` and ``_``; whoever gives the same name gets the same viewer.
    kind : "live", "napari" or "headless"
        A light window, one of napari, or none.
    persist : bool
        Whether it outlives this program. The one who starts it decides.
    title, theme, budget_mb
        See `parfocal.viewers.service.ViewerConfig`; for a viewer that is started.
    replace : bool
        End one of that name that another version of parfocal runs, and start one of this version, which
        follows what that one followed and shows it in the same way. Images that were sent to it are gone.

    Raises
    ------
    BadInputError
        If the kind is unknown, or the name can be none.
    ViewerError
        If there is no display for a window; if a viewer of that name is of another kind or another version.
    """
    if kind not in viewer_kinds():
        raise BadInputError(f"no kind of viewer is called {kind!r}; {nearest(kind, viewer_kinds())}")
    found = find_service(name)
    running = found if found is not None and found.process.alive else None
    outdated = running is not None and running.version != version("parfocal") and replace
    if running is not None and not outdated:
        _check_same(running, kind)
        return Viewer(name, kind, persist=persist)
    if kind in _NEEDS:
        check_display(kind)
    state = {} if running is None else _last_state(running)
    settings = {"title": title, "theme": theme, "budget_mb": budget_mb}
    viewer = Viewer(name, kind, persist=persist, settings=settings)
    viewer.start()
    if state:
        viewer.take_over(state)
    return viewer


def list_viewers() -> tuple[ViewerInfo, ...]:
    """Return the viewers of this user that run, whoever started them. None is asked or waited for."""
    kinds = {factory: kind for kind, factory in viewer_kinds().items()}
    return tuple(
        ViewerInfo(
            name=record.service,
            kind=kinds[record.factory],
            state=state_of(record),
            pid=record.pid,
            version=record.version,
            persist=record.owner is None,
            queued=images_for(record.service).waiting().images,
        )
        for record in services()
        if record.factory in kinds
    )


def close_viewer(name: str, *, force: bool = False) -> None:
    """End the viewer of a name: asked first, then killed; at once with `force`. That process, or none.

    Raises
    ------
    ViewerError
        If no viewer of that name runs; names those that do.
    """
    record = find_service(name)
    if record is None or not record.process.alive or record.factory not in viewer_kinds().values():
        running = [info.name for info in list_viewers()]
        raise ViewerError(f"no viewer {name!r} is running; {nearest(name, running)}")
    end_service(record, force=force)


def check_display(kind: str = "live", remedy: str = "choose the kind 'headless'") -> None:
    """Refuse to start a window of a kind where none can be; `remedy` says what to do without a display.

    Raises
    ------
    ViewerError
        Naming what is missing, and what to do.
    """
    packages, extra = _NEEDS[kind]
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise ViewerError(f"a {kind} viewer needs {package}: pip install 'parfocal[{extra}]'")
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if sys.platform == "linux" and not any(os.environ.get(name) for name in screens):
        raise ViewerError(f"there is no display for a window (DISPLAY is not set); {remedy}")
    if kind == "napari" and os.environ.get("QT_QPA_PLATFORM") == "offscreen":
        raise ViewerError("napari draws with OpenGL, and QT_QPA_PLATFORM=offscreen has none; use Xvfb")


def _last_state(record: StandaloneRecord) -> dict[str, Any]:
    """End a viewer; return its last state, nothing if it does not tell that, or is hung."""
    state: dict[str, Any] = {}
    with suppress(CommandError), connect_service(record.service) as client:
        call = client.submit("state", timeout_s=_ANSWERS_WITHIN_S)
        poll_until(lambda: call.done() or state_of(record) in ("hung", "exited"), _ANSWERS_WITHIN_S)
        if call.done():
            state = call.result()
    end_service(record)
    return state


def _check_same(found: StandaloneRecord, kind: str) -> None:
    if found.factory != viewer_kinds()[kind]:
        raise ViewerError(
            f"{found.service!r} is there already (process {found.pid}), and is no {kind} viewer; "
            "choose another name"
        )
    if found.version != version("parfocal"):
        raise ViewerError(
            f"viewer {found.service!r} runs parfocal {found.version}, and this is {version('parfocal')}: "
            "close it, or open it with replace=True"
        )
