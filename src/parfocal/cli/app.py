"""The commands, what their help says, and what becomes of their errors."""

from __future__ import annotations

import inspect
import logging
import sys
from collections.abc import Callable
from typing import Any

from cyclopts import App, CycloptsError, Parameter

import parfocal
from parfocal.cli import (
    acquire,
    browse,
    calls,
    chaos,
    check,
    demo,
    desktop,
    doctor,
    export,
    force,
    kinds,
    look,
    new_file,
    plot,
    pull,
    recover,
    replay,
    reprocess,
    rigs,
    runs,
    script,
    settings,
    sim,
    status,
    steer,
    sweep,
    track,
    view,
)
from parfocal.cli import (
    plan as show_plan,
)
from parfocal.cli import (
    run as run_plan,
)
from parfocal.cli.exits import Exit, exit_of
from parfocal.cli.output import lost_output, make_output_usable, refusal
from parfocal.cli.whole_numbers import converted
from parfocal.core.errors import ParfocalError

EPILOGUE = (
    "Exit codes: 0 done, 1 failed, 2 bad input, 3 frames were lost, 4 no such rig, service or run, "
    "130 interrupted.\n\n"
    "Begin with: `parfocal demo tweezers --seconds 10`"
)


def examples(command: Callable[..., Any]) -> str:
    r"""Return the examples of a command's docstring, for the end of its help.

    Examples
    --------
    >>> examples(rigs.down)
    '**Examples**\n\n    parfocal down tweezers'
    """
    _, _, text = (inspect.getdoc(command) or "").partition("Examples\n--------\n")
    lines = [f"    {line}" if line else "" for line in text.strip().splitlines()]
    return "\n".join(["**Examples**", "", *lines])


def _make_app() -> App:
    app = App(
        name="parfocal",
        help="Runs a microscope laboratory, each part in a process of its own, and counts every frame.",
        help_epilogue=EPILOGUE,
        help_format="markdown",
        version=lambda: parfocal.__version__,
        default_parameter=Parameter(negative=(), converter=converted),
        result_action="return_value",
        suppress_keyboard_interrupt=False,
    )
    simulated = App(name="demo", help="Run a simulated laboratory from start to record.", help_epilogue="")
    app.command(simulated)
    for laboratory in (demo.tweezers, demo.optogenetics, demo.micromanager):
        simulated.command(laboratory, help_epilogue=examples(laboratory))
    instruments = App(
        name="sim", help="Run a simulated instrument as a program of its own.", help_epilogue=""
    )
    app.command(instruments)
    instruments.command(sim.redpitaya, help_epilogue=examples(sim.redpitaya))
    new = App(name="new", help="Write a file, or a folder of files, to begin with.", help_epilogue="")
    app.command(new)
    new.command(kinds.new_rig, name="rig", help_epilogue=examples(kinds.new_rig))
    new.command(kinds.new_experiment, name="experiment", help_epilogue=examples(kinds.new_experiment))
    scripts = App(name="script", help="Check a script, or carry it out as a run.", help_epilogue="")
    app.command(scripts)
    scripts.command(script.check, help_epilogue=examples(script.check))
    scripts.command(script.run, help_epilogue=examples(script.run))
    seen = App(name="viewers", help="List the viewers that run, or close some.", help_epilogue="")
    app.command(seen)
    seen.default(view.viewers)
    seen.command(view.close, help_epilogue=examples(view.close))
    for command in (
        desktop.app, view.view, browse.browse, look.live, look.snap, track.track,
        reprocess.reprocess, replay.replay,
        rigs.up, rigs.down, rigs.restart, rigs.rigs, status.status, calls.call, calls.commands,
        settings.settings, show_plan.plan, run_plan.run, run_plan.prepare, recover.recover,
        acquire.acquire, sweep.sweep, pull.ramp, pull.hold, pull.turn, force.force, force.extension,
        runs.runs, runs.note, new_file.new_file,
        steer.start, steer.pause, steer.resume, steer.cancel, steer.finish, steer.confirm,
        export.export, plot.plot, kinds.kinds, check.check, doctor.doctor, chaos.chaos,
    ):  # fmt: skip
        app.command(command, help_epilogue=examples(command))
    return app


def run(arguments: list[str] | None = None) -> int:
    """Run one command; print what went wrong in a line or a few; return the exit code."""
    make_output_usable()
    logging.basicConfig(format="%(name)s: %(message)s", level=logging.WARNING)
    try:
        result = _make_app()(arguments, exit_on_error=False, print_error=True)
        sys.stdout.flush()
    except CycloptsError:
        return Exit.USAGE
    except (ParfocalError, KeyboardInterrupt) as error:
        print_error(error)
        return exit_of(error)
    except OSError as error:
        lost = lost_output(error)
        words = f"the output could not be written: {error.strerror}" if lost else refusal(error)
        if not words:
            raise
        print_error(OSError(words))
        return Exit.FAILED
    return int(result or 0)


def print_error(error: BaseException) -> None:
    """Say on stderr what failed, with the service's own traceback if there is one.

    An interrupt says what became of what was under way, where that is more than that all was ended in order.
    """
    text = str(error)
    remote = getattr(error, "remote_traceback", "").rstrip()
    if remote and not getattr(error, "original", None):  # what is raised on purpose says all there is to say
        places, _, last = remote.rpartition("\n")
        sys.stderr.write((places if text.endswith(last) else remote) + "\n\n")
    if isinstance(error, KeyboardInterrupt):
        text = f"interrupted; {text or 'everything was ended in order'}"
    sys.stderr.write(f"parfocal: {text}\n")
