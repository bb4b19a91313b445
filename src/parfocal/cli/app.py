"""The commands and how they are found; each is imported when it is called."""

from __future__ import annotations

import sys

import parfocal
from cyclopts import App, CycloptsError
from parfocal.cli.exits import Exit, exit_of
from parfocal.core.errors import ParfocalError

app = App(
    name="parfocal",
    help="Runs a microscope laboratory, each part in a process of its own, and counts every frame.",
    help_epilogue=(
        "Exit codes: 0 done, 1 failed, 2 bad input, 3 frames were lost, 4 no such rig or service, 130 interrupted.\n\n"
        "Begin with: `parfocal demo tweezers --seconds 10`"
    ),
    help_format="markdown",
    version=lambda: parfocal.__version__,
    result_action="return_value",
)
demo = App(name="demo", help="Run a simulated laboratory from start to record.")
app.command(demo)
demo.command("parfocal.cli.demo:tweezers")
app.command("parfocal.cli.track:track")
app.command("parfocal.cli.rigs:up")
app.command("parfocal.cli.rigs:down")
app.command("parfocal.cli.rigs:rigs")
app.command("parfocal.cli.status:status")
app.command("parfocal.cli.calls:call")
app.command("parfocal.cli.calls:commands")
app.command("parfocal.cli.check:check")
app.command("parfocal.cli.doctor:doctor")


def run(arguments: list[str] | None = None) -> int:
    """Run one command; print what went wrong in a line or a few; return the exit code."""
    try:
        result = app(arguments, exit_on_error=False, print_error=True)
    except CycloptsError:
        return Exit.USAGE
    except (ParfocalError, KeyboardInterrupt) as error:
        print_error(error)
        return exit_of(error)
    return int(result or 0)


def print_error(error: BaseException) -> None:
    """Say on stderr what failed, with the service's own traceback if there is one."""
    remote = getattr(error, "remote_traceback", "")
    if remote:
        sys.stderr.write(remote.rstrip() + "\n\n")
    text = "interrupted; everything was ended in order" if isinstance(error, KeyboardInterrupt) else str(error)
    sys.stderr.write(f"parfocal: {text}\n")
