"""Processors that are kept awake, so that nothing waits for one that has gone to sleep.

A processor with nothing to do sleeps, the deeper the longer, and takes up to some tenths of a millisecond to
wake up. Linux lets a program ask for no such delay (its "PM QoS"), by a device that is kept open: idle
processors then look for work all the time. That burns as much power as work does, makes a machine warm and
its fans loud, and may leave less of a boost to the processors that are at work.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from parfocal.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from io import FileIO

    from parfocal.processes.spec import ServiceSpec

DEVICE = Path("/dev/cpu_dma_latency")
ALLOW = (
    """allow it with the line 'KERNEL=="cpu_dma_latency", GROUP="lab", MODE="0660"' in a file such as """
    "/etc/udev/rules.d/99-lab.rules, where lab is a group of yours, and restart the machine"
)
_NO_DELAY = bytes(4)  # the longest that may be, us: an int32


def keep_awake(service: str) -> FileIO:
    """Keep all processors awake until what this returns is closed, or this process has ended.

    Several may do so at once: processors sleep again when the last one has been closed.

    Raises
    ------
    ConfigError
        If this user may not; names the setting of the `service`, and tells what to do.
    """
    with ExitStack() as stack:
        try:
            device = stack.enter_context(open(DEVICE, "wb", buffering=0))
            device.write(_NO_DELAY)
        except OSError as error:
            raise ConfigError(_refusal((service,), _reason(error))) from error
        stack.pop_all()  # whoever called closes it
    return device


def why_not_awake() -> str:
    """Return why no process of this user may keep processors awake; "" if they may."""
    try:
        os.close(os.open(DEVICE, os.O_WRONLY))
    except OSError as error:
        return _reason(error)
    return ""


def how_to_allow() -> str:
    """Return what lets this user keep processors awake; "" if nothing does on this system."""
    return ALLOW if DEVICE.exists() else ""


def check_awake(specs: Iterable[ServiceSpec]) -> None:
    """Check that the services that are to keep processors awake may do so. Starts nothing.

    Raises
    ------
    ConfigError
        If they may not; names them, and tells what to do.
    """
    names = tuple(spec.name for spec in specs if spec.keep_awake)
    if names and (why := why_not_awake()):
        raise ConfigError(_refusal(names, why))


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"this system has no {DEVICE}"
    return f"this user may not open {DEVICE} ({error.strerror})"


def _refusal(services: tuple[str, ...], why: str) -> str:
    settings = ", ".join(f"{service}.keep_awake" for service in services)
    return f"{settings}: {why}; {', or '.join(filter(None, (how_to_allow(), 'leave it out')))}"
