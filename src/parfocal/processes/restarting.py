"""Restarts of one service of a rig that runs, with the settings that it has or with others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.errors import ClaimedError, CommandError, ConfigError, ProcessError
from parfocal.core.status import ProcessState
from parfocal.processes import lifecycle
from parfocal.processes.loading import load_service
from parfocal.processes.setting_changes import checked_changes
from parfocal.processes.settings import changed, kept_for_restart
from parfocal.processes.validation import validate

if TYPE_CHECKING:
    from parfocal.ipc import Client
    from parfocal.processes.spec import ServiceSpec
    from parfocal.processes.supervision import Supervision

_ANSWERS_WITHIN_S = 1.0
_CLAIM_TOLD_WITHIN_S = 10.0
"""As long as a service that is busy may take to tell which run uses it; one that hangs is not asked."""
_TOO_LATE: tuple[ProcessState, ...] = ("degraded", "crashed")


def back_again(
    supervision: Supervision, service: str, timeout_s: float, *, given_up: tuple[ProcessState, ...]
) -> None:
    """Restart a service; return when it is ready.

    Parameters
    ----------
    given_up : tuple of str
        States in which it is not waited for any longer.

    Raises
    ------
    ProcessError
        If it isn't ready by then.
    """
    before = supervision.status_of(service).pid
    asked = threading.Event()
    supervision.send(service, lifecycle.Restart())
    supervision.post(asked.set)

    def is_over() -> bool:
        now = supervision.status_of(service)
        is_back = now.state == "ready" and now.pid != before
        is_gone = service not in supervision.services
        return supervision.stopping or is_back or is_gone or (asked.is_set() and now.state in given_up)

    with supervision.changed:
        supervision.changed.wait_for(is_over, timeout_s)
    now = supervision.status_of(service)
    if supervision.stopping or now.state != "ready" or now.pid == before:
        raise ProcessError(f"service {service!r} is not ready again: {now.state} {now.error}")


def restart_changed(
    supervision: Supervision,
    specs: Callable[[], Mapping[str, ServiceSpec]],
    service: str,
    changes: Mapping[str, Any],
    timeout_s: float,
) -> None:
    """Restart a service with changed settings; return when it is ready.

    Raises
    ------
    ConfigError
        If they are wrong, or take a start of the rig. Nothing was touched.
    ProcessError
        If it did not become ready. It was started again with the settings that it had.
    """
    old = specs().get(service)
    if old is None:
        raise ProcessError(f"service {service!r} is not restarted: it was removed meanwhile")
    new = spec_with(old, changes)
    if not supervision.replace_spec(old, new).result(timeout_s):
        raise ConfigError(f"somebody else changed settings of {service!r} at the same moment; ask again")
    try:
        back_again(supervision, service, timeout_s, given_up=_TOO_LATE)
    except ProcessError as error:
        if (service_now := supervision.services.get(service)) is not None:
            supervision.replace_spec(service_now.spec, old).result(timeout_s)
        with suppress(ProcessError):  # what it says of itself is in its state
            back_again(supervision, service, timeout_s, given_up=_TOO_LATE)
        raise ProcessError(f"{error}; it is started again with the settings that it had") from error


def spec_with(spec: ServiceSpec, changes: Mapping[str, Any]) -> ServiceSpec:
    """Return a service as it is started with changed settings.

    Raises
    ------
    ConfigError
        If a setting is wrong, or takes the next start of the rig.
    """
    checked = checked_changes(spec, changes)
    if checked.rig:
        raise ConfigError(
            f"{spec.name}: {', '.join(checked.rig)} can be changed by a restart of the rig alone: keep it "
            "(--keep), and start the rig again"
        )
    model = load_service(spec.factory).Config
    settings = kept_for_restart(changed(validate(model, spec.settings), checked.kept))
    live = {**spec.layers.get("live", {}), **checked.kept}
    return msgspec.structs.replace(spec, settings=settings, layers={**spec.layers, "live": live})


def refuse_claimed(supervision: Supervision, service: str, connect: Callable[[str], Client]) -> None:
    """Refuse a change of a service that a run claims.

    Raises
    ------
    ClaimedError
        Naming the run.
    """
    if supervision.status_of(service).state != "ready":
        return
    run = ""
    with (
        suppress(CommandError),
        connect(service) as client,
    ):  # one that does not answer keeps no claim, either
        run = client.call("traffic", timeout_s=_CLAIM_TOLD_WITHIN_S)["claimed_by"]
    if run:
        raise ClaimedError(
            f"{service} is not restarted: run {run!r} uses it; wait for its end, cancel it, or force it"
        )


def wait_for_settings(supervision: Supervision, connect: Callable[[str], Client]) -> None:
    """Wait until it has arrived here how services changed their settings so far; no longer than a second."""
    ready = [name for name, each in supervision.services.items() if each.status().state == "ready"]
    clients = {name: connect(name) for name in ready}
    try:
        calls = {
            name: client.submit("settings_version", timeout_s=_ANSWERS_WITHIN_S)
            for name, client in clients.items()
        }
        versions = {}
        for name, call in calls.items():
            with suppress(CommandError):  # it ends, or hangs: it is as it was known to be
                versions[name] = call.result()
    finally:
        for client in clients.values():
            client.close()

    def arrived() -> bool:
        services = supervision.services
        return all(
            name not in services or services[name].settings_version >= version
            for name, version in versions.items()
        )

    with supervision.changed:
        supervision.changed.wait_for(arrived, _ANSWERS_WITHIN_S)
