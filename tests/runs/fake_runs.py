"""A service `runs` in this process: it speaks the commands of the real one, and does what a test says."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.core.run_status import RunStatus
from parfocal.ipc import RECEIVER, CommandTable, Server, command


class FakeRuns:
    """Runs that go where `change` puts them."""

    def __init__(self) -> None:
        self.runs: dict[str, RunStatus] = {}
        self.asked: list[tuple[Any, ...]] = []
        self.server: Server | None = None
        self.created_at = 0.0
        self._changing = threading.RLock()

    def change(self, run: str, **changes: Any) -> None:
        """Have a run look so from now on, and publish it."""
        with self._changing:
            self.runs[run] = msgspec.structs.replace(self.runs.get(run, RunStatus(run=run)), **changes)
            if self.server is not None:
                payload = {"change": "state", "run": run, "status": msgspec.to_builtins(self.runs[run])}
                self.server.publish("run", payload)

    def end(self, run: str, outcome: str = "complete", **changes: Any) -> None:
        self.change(run, state="ended", outcome=outcome, **changes)

    @command(lane="start")
    def start(
        self,
        plan: dict[str, Any],
        name: str = "",
        folder: str = "",
        continues: str = "",
        by_force: bool = False,
        notes: dict[str, Any] = {},  # noqa: B006 (never changed)
        parent: str = "",
        pipeline: dict[str, Any] | None = None,
    ) -> RunStatus:
        self.asked.append(("start", plan, name, folder, continues, by_force))
        self.created_at += 1.0
        at = self.created_at
        self.change(name or "run-1", state="pending", outcome="", events_total=3, created_at=at)
        return self.runs[name or "run-1"]

    @command(lane="start")
    def prepare(
        self,
        plan: dict[str, Any],
        name: str = "",
        folder: str = "",
        continues: str = "",
        by_force: bool = False,
        notes: dict[str, Any] = {},  # noqa: B006 (never changed)
        pipeline: dict[str, Any] | None = None,
    ) -> RunStatus:
        self.asked.append(("prepare", plan, name, folder, continues, by_force))
        self.created_at += 1.0
        self.change(name or "run-1", state="prepared", events_total=3, created_at=self.created_at)
        return self.runs[name or "run-1"]

    @command(lane="start")
    def start_prepared(self, run: str) -> RunStatus:
        return self._ask("start", run, "running")

    @command(lane=RECEIVER, effect="reads")
    def status(self, run: str = "") -> RunStatus:
        if run not in self.runs:
            raise BadInputError(f"no run {run!r}")
        return self.runs[run]

    @command(lane=RECEIVER, effect="reads")
    def statuses(self) -> dict[str, RunStatus]:
        return dict(self.runs)

    @command(lane="events", effect="reads")
    def events(self, run: str, first: int = 0, count: int = 1000) -> list[dict[str, Any]]:
        total = self.status(run).events_total
        return [{"number": number} for number in range(first, min(total, first + count))]

    @command(lane=RECEIVER, effect="stops")
    def pause(self, run: str, reason: str = "") -> RunStatus:
        return self._ask("pause", run, "paused", reason)

    @command(lane=RECEIVER)
    def resume(self, run: str, policy: str = "shift", gap_s: float = 0.0) -> RunStatus:
        return self._ask("resume", run, "running", policy, gap_s)

    @command(lane=RECEIVER, effect="stops")
    def cancel_run(self, run: str, reason: str = "") -> RunStatus:
        return self._ask("cancel", run, "cancelling", reason)

    @command(lane=RECEIVER, effect="stops")
    def finish(self, run: str, reason: str = "") -> RunStatus:
        return self._ask("finish", run, "draining", reason)

    @command(lane=RECEIVER)
    def confirm(self, run: str, answer: bool = True, text: str = "") -> RunStatus:
        return self._ask("confirm", run, "running", answer, text)

    @command(lane="start")
    def extend(self, run: str, plan: dict[str, Any]) -> RunStatus:
        return self._change("extend", run, plan)

    @command(lane="start")
    def replace_future(self, run: str, plan: dict[str, Any]) -> RunStatus:
        return self._change("replace_future", run, plan)

    @command(lane="start")
    def pick_cells(self, run: str, particles: list[int], p: int = 0) -> RunStatus:
        return self._change("pick_cells", run, particles, p)

    def _change(self, word: str, run: str, *arguments: Any) -> RunStatus:
        self.asked.append((word, run, *arguments))
        if self.status(run).ended:
            raise BadInputError(f"run {run!r} is ended")
        return self.runs[run]

    def _ask(self, word: str, run: str, state: str, *arguments: Any) -> RunStatus:
        self.asked.append((word, run, *arguments))
        if not self.status(run).ended:
            self.change(run, state=state)
        return self.runs[run]


@contextmanager
def served(fake: FakeRuns, folder: Path) -> Iterator[FakeRuns]:
    """Serve it until the end of the block; leaving it is the end of its process to clients."""
    with Server(
        CommandTable.of(fake), folder, "runs", make_safe=lambda *_: None, outputs=("light",)
    ) as server:
        fake.server = server
        yield fake
        fake.server = None
