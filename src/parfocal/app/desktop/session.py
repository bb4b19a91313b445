"""All that panels have of a rig: snapshots, requests, streams, settings. Nothing here ever waits for it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from parfocal.app.desktop.followers import FrameFollower, RowFollower
from parfocal.app.desktop.request import Request
from parfocal.app.desktop.service_facts import FactTable, ServiceFacts
from parfocal.core.errors import CommandError, ServiceUnavailableError
from parfocal.core.reminder import Reminder
from parfocal.core.status import RigStatus
from parfocal.ipc import Subscription
from parfocal.ipc.results import Declared
from parfocal.processes import directory
from parfocal.rig.snapshots import GONE, RigSnapshot

if TYPE_CHECKING:
    from parfocal.core.messages import Notice
    from parfocal.ipc import Client, CommandInfo
    from parfocal.processes.setting_status import SettingStatus
    from parfocal.rig.all_snapshots import AllSnapshots
    from parfocal.viewers.qt.theme import Theme


class _Shared(Protocol):
    """What several panels of a session share."""

    def __init__(self, session: Session) -> None: ...

    def close(self) -> None:
        """Let go of what it has opened."""
        ...


S = TypeVar("S", bound=_Shared)


class Session:
    """The rig that a desktop shows, for its panels. For the thread of the window; close it.

    Parameters
    ----------
    rig : str
        Name of the rig, which need not run: what is asked fails at once then, and works when it is back.
    snapshots : AllSnapshots
        Of all rigs; closed by whoever made it.
    theme : Theme
        The colours of the window now. Panels are told of others by `Panel.set_theme`.
    """

    def __init__(self, rig: str, snapshots: AllSnapshots, theme: Theme) -> None:
        self.rig = rig
        self.snapshots = snapshots
        self.theme = theme
        self._gone = RigSnapshot(rig=RigStatus(name=rig, pid=0, state=GONE, services={}))
        self._clients: dict[str, Client] = {}
        self._ended: deque[Request] = deque()
        self._pending: set[Request] = set()
        self._frames: dict[str, FrameFollower] = {}
        self._shared: dict[type[_Shared], _Shared] = {}
        self._facts = FactTable(self._submit)
        self._notices: dict[str, int] = {}
        self._subscription = Subscription(directory.runtime_folder(rig), ("rig",), callback=self._take_notice)
        self._closed = False
        self._reminder = Reminder(self, f"the desktop's session with rig {rig!r}")

    def snapshot(self) -> RigSnapshot:
        """Return the newest snapshot of the rig; of state "exited" while it does not run."""
        return self.snapshots.latest().get(self.rig, self._gone)

    def ask(self, service: str, command: str, /, **arguments: Any) -> Request:
        """Ask a service, or "rig" itself, for a command; the request tells what becomes of it."""
        return self._submit(service, command, arguments, Declared)

    def settings(self, service: str) -> dict[str, Any] | None:
        """Return the settings of a service by their paths, as they were told last; None before that."""
        statuses = self._known(service).settings
        return None if statuses is None else {each.name: each.value for each in statuses}

    def setting_statuses(self, service: str) -> tuple[SettingStatus, ...] | None:
        """Return the same with types, units, limits, sources and meanings; another tuple when one changes."""
        return self._known(service).settings

    def commands(self, service: str) -> tuple[CommandInfo, ...] | None:
        """Return the commands of a service; None before it has told them."""
        return self._known(service).commands

    def notices(self, service: str) -> int:
        """Return how many notices of a service have come: one more, and something of it may be new."""
        self._subscription.add(service)
        return self._notices.get(service, 0)

    def frames(self, stream: str) -> FrameFollower:
        """Return who follows a stream of frames, shared with other panels; each closes it."""
        shared = self._frames.get(stream)
        if shared is not None and not shared.closed:
            shared.share()
            return shared
        self._frames[stream] = FrameFollower(directory.shm_folder(self.rig), stream)
        return self._frames[stream]

    def rows(self, stream: str) -> RowFollower:
        """Return a follower of a stream of rows, for one panel alone, which closes it."""
        return RowFollower(directory.shm_folder(self.rig), stream)

    def shared(self, kind: type[S]) -> S:
        """Return the one object of a class that panels share, made when it is first asked for.

        It is closed with the session.
        """
        if kind not in self._shared:
            self._shared[kind] = kind(self)
        return cast("S", self._shared[kind])

    def deliver(self) -> None:
        """Tell of requests that have ended. Called by the window's timer; what is told may close it."""
        for _ in range(len(self._ended)):
            if self._closed:
                return
            request = self._ended.popleft()
            self._pending.discard(request)
            request.tell()

    @property
    def pending(self) -> tuple[Request, ...]:
        """The requests that have not ended."""
        return tuple(self._pending)

    def close(self) -> None:
        """Let go of the rig, which runs on; calls that are under way end by the policy of their commands."""
        if self._closed:
            return
        self._closed = True
        self._reminder.cancel()
        for shared in self._shared.values():
            shared.close()
        self._subscription.close()
        for client in self._clients.values():
            client.close()

    def _take_notice(self, notice: Notice) -> None:
        """Count it. In the thread of the subscription, the only one that writes here."""
        self._facts.take_notice(notice)
        self._notices[notice.service] = self._notices.get(notice.service, 0) + 1

    def _known(self, service: str) -> ServiceFacts:
        self._subscription.add(service)
        status = self.snapshot().rig.services.get(service)
        return self._facts.of(service, status.pid if status is not None and status.state == "ready" else 0)

    def _submit(self, service: str, command: str, arguments: dict[str, Any], returns: Any) -> Request:
        request = Request(service, command, arguments)
        self._pending.add(request)
        try:
            call = self._client(service).submit(command, returns=returns, **arguments)
        except CommandError as error:
            request.fail(error)
            self._ended.append(request)
        else:
            request.begin(call, self._ended.append)
        return request

    def _client(self, service: str) -> Client:
        if self._closed:
            raise ServiceUnavailableError(f"the window has let go of rig {self.rig!r}", service=service)
        if service not in self._clients:
            self._clients[service] = directory.connect(self.rig, service)
        return self._clients[service]
