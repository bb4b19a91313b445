"""Services to be started, killed, stopped and hung by tests."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.core.errors import DeviceError
from parfocal.ipc import RECEIVER, command
from parfocal.ipc.lanes import Job
from parfocal.processes import LOOP, FixedSettings, Service, ServiceContext
from parfocal.processes.loop import MainLoop

_STEP_S = 1.5
"""How long one step of `Slow` takes."""


class CounterSettings(BaseModel):
    """What can be set of a `Counter`."""

    model_config = ConfigDict(extra="forbid")

    period_s: float = Field(0.01, gt=0)
    label: str = ""
    resource: str = ""
    diary: str = ""
    limit: float = 0.0
    extra: Any = None


class Counter(Service):
    """Counts its steps, and writes what happens to it into a file, which outlives it."""

    Config = CounterSettings
    settings: CounterSettings

    def __init__(self, settings: CounterSettings) -> None:
        super().__init__(settings)
        self.count = 0
        self.hang = threading.Event()

    @property
    def resources(self) -> frozenset[str]:
        """What the settings say."""
        return frozenset({self.settings.resource} - {""})

    def open(self, context: ServiceContext) -> None:
        """Begin the diary."""
        self.context = context
        self.write("open")
        context.log.info("counting")

    def step(self) -> float | None:
        """Count; or hang, if told so."""
        self.count += 1
        if self.hang.is_set():
            SYSTEM_CLOCK.sleep(3600)
        return self.settings.period_s

    def fixed_settings(self) -> FixedSettings:
        """Return what is locked before it opens."""
        return {"resource": "restart"}

    def settings_changed(self, old: CounterSettings, new: CounterSettings) -> None:
        """Refuse one label."""
        del old
        if new.label == "forbidden":
            raise DeviceError("this label cannot be set")

    def make_safe(self) -> None:
        """Write it down."""
        self.write("safe")

    def close(self) -> None:
        """Write it down."""
        self.write("close")

    def state(self) -> dict[str, Any]:
        """Return the label."""
        return {"label": self.settings.label}

    def health_line(self) -> str:
        """Return the count."""
        return f"{self.count} steps"

    def write(self, word: str) -> None:
        """Add a word to the diary."""
        if self.settings.diary:
            with Path(self.settings.diary).open("a", encoding="utf-8") as diary:
                diary.write(f"{self.context.service} {word}\n")

    @command(lane=RECEIVER, effect="reads")
    def get_count(self) -> int:
        """Return how many steps there were."""
        return self.count

    @command(lane=LOOP, effect="reads")
    def double(self, value: int) -> int:
        """Return twice the value, from the loop's thread."""
        return 2 * value

    @command(effect="changes")
    def raise_in_thread(self, text: str) -> None:
        """Raise in a thread that nobody waits for."""

        def fail() -> None:
            raise DeviceError(text)

        threading.Thread(target=fail).start()

    @command(effect="changes")
    def fail(self, text: str) -> None:
        """End as if the step had raised."""
        self.context.fail(DeviceError(text))

    @command(effect="stops")
    def leave(self) -> None:
        """End in order, of its own accord."""
        self.context.end("it has counted enough")

    @command(effect="changes")
    def hang_in_step(self) -> None:
        """Have the next step never return."""
        self.hang.set()

    @command(effect="changes")
    def say(self, text: str, level: int = 20) -> None:
        """Log something."""
        self.context.log.log(level, "%s", text)

    @command(effect="changes")
    def signal_self(self, number: int) -> None:
        """Send this process a signal."""
        os.kill(os.getpid(), number)


class FailsToOpen(Counter):
    """Its device is not there."""

    def open(self, context: ServiceContext) -> None:
        """Raise the cause."""
        super().open(context)
        raise DeviceError("no camera on port 7")


class Crashes(Counter):
    """Ends without a word while it opens."""

    def open(self, context: ServiceContext) -> None:
        """Kill this process."""
        del context
        os.kill(os.getpid(), signal.SIGSEGV)


class DiesWordily(Counter):
    """Prints more than anybody reads, and dies while it opens."""

    def open(self, context: ServiceContext) -> None:
        """Print and die."""
        del context
        os.write(2, 1000 * b"a line of its log\n")
        os._exit(3)


class NeverReady(Counter):
    """Takes for ever to open."""

    def open(self, context: ServiceContext) -> None:
        """Wait."""
        super().open(context)
        SYSTEM_CLOCK.sleep(3600)


class Deaf(Counter):
    """Opens in a driver that lets no other thread run meanwhile, not even its heartbeat."""

    def open(self, context: ServiceContext) -> None:
        """Take a while."""
        super().open(context)
        ctypes.PyDLL(None).usleep(1_800_000)


class FailsInStep(Counter):
    """Raises in its third step."""

    def step(self) -> float | None:
        """Count, and raise."""
        if self.count == 2:
            raise DeviceError("the third step is not possible")
        return super().step()


class Lingers(Counter):
    """Has a command that nothing ends, and that switches on when everything has been made safe."""

    def __init__(self, settings: CounterSettings) -> None:
        super().__init__(settings)
        self.closed, self.lit = threading.Event(), threading.Event()

    @command(lane="driver", effect="changes")
    def light_too_late(self) -> None:
        """Switch on once the service is closed."""
        self.write("waits")
        self.closed.wait()
        self.write("on")
        self.lit.set()

    @command(effect="changes")
    def light_too_late_in_main(self) -> None:
        """Do the same in the main lane."""
        self.light_too_late()

    def close(self) -> None:
        """Let go of the command, and see it switch on."""
        super().close()
        self.closed.set()
        self.lit.wait()


class Stubborn(Counter):
    """Does not end when it is asked to."""

    def close(self) -> None:
        """Take for ever."""
        super().close()
        SYSTEM_CLOCK.sleep(3600)


class Lamp(Counter):
    """Is lit by a command, and dark when it is safe: it writes both down."""

    @command(effect="changes")
    def light(self) -> None:
        """Light it."""
        self.write("lit")


class Parent(Counter):
    """Starts programs of its own, which know nothing of it."""

    @command(effect="changes")
    def start_programs(self) -> list[int]:
        """Start a program that starts another; return their process numbers."""
        shell = subprocess.Popen(
            ["sh", "-c", "sleep 600 & echo $!; wait"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
        )
        assert shell.stdout is not None
        return [shell.pid, int(shell.stdout.readline())]


def work_alone(lasts_s: float) -> None:
    """Use the processor for so long, and let no other thread of this process run meanwhile."""
    switches_every_s = sys.getswitchinterval()
    sys.setswitchinterval(1000 * lasts_s)  # how long another thread waits before it asks for its turn
    try:
        ends_at = SYSTEM_CLOCK.monotonic_ns() + int(lasts_s * 1e9)
        while SYSTEM_CLOCK.monotonic_ns() < ends_at:
            pass
    finally:
        sys.setswitchinterval(switches_every_s)


class Slow(Counter):
    """Takes a while for a step, with or without letting its own threads run."""

    def step(self) -> float | None:
        """Take 1.5 s."""
        self.count += 1
        if self.settings.label == "lets nobody run":
            work_alone(_STEP_S)
        else:
            SYSTEM_CLOCK.sleep(_STEP_S)
        return self.settings.period_s


class TurningLoop:
    """A main loop as a window system has one: it turns all the time, and does jobs and steps in between."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Job] = SimpleQueue()
        self._ended = threading.Event()

    def submit(self, job: Job) -> None:
        """Have a job run at one of the next turns."""
        self._jobs.put(job)

    def wake(self) -> None:
        """Do nothing: a step is done at every turn."""

    def end(self) -> None:
        """Have it end after this turn."""
        self._ended.set()

    def run(
        self, step: Callable[[], float | None], begin: Callable[[], None], end: Callable[[], None]
    ) -> None:
        """Turn until the end; each turn is a sign of life."""
        while not self._ended.wait(0.02):
            begin()
            while not self._jobs.empty():
                self._jobs.get()()
            step()
        end()


class Windowed(Counter):
    """Has a main loop of its own."""

    step_limit_s = 1.0

    @classmethod
    def make_loop(cls, clock: Clock) -> MainLoop:
        """Return one that turns by itself."""
        del clock
        return TurningLoop()


class Door(Service):
    """A door that is closed until somebody opens it, and a room behind it whose temperature anybody sets."""

    def __init__(self, settings: Any = None) -> None:
        super().__init__(settings)
        self._closed, self._temperature_c = True, 37.0

    @command(lane=RECEIVER, effect="reads")
    def is_closed(self) -> bool:
        """Return whether it is closed."""
        return self._closed

    @command(effect="changes")
    def open_door(self) -> bool:
        """Open it."""
        self._closed = False
        return True

    @command(effect="changes")
    def close_door(self) -> bool:
        """Close it."""
        self._closed = True
        return True

    @command(lane=RECEIVER, effect="reads")
    def temperature(self) -> float:
        """Return the temperature behind it, degrees Celsius."""
        return self._temperature_c

    @command(effect="changes")
    def set_temperature(self, temperature_c: float) -> float:
        """Have the room be as warm as that, from now on."""
        self._temperature_c = temperature_c
        return temperature_c
