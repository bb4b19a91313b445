"""What the services of a laboratory name of one another: streams and commands, each of which has to exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.core.errors import ConfigError, nearest
from parfocal.processes import Service
from parfocal.processes.loading import load_service
from parfocal.processes.validation import validate
from parfocal.rig.assemble import service_specs
from parfocal.rig.listing import command_listing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from parfocal.rig.config import RigConfig


def check_references(config: RigConfig) -> None:
    """Check that each stream that a setting names is written, and each command is there. Starts nothing.

    Only services of the file are looked at: a laboratory may be opened before all of them are added.

    Raises
    ------
    ConfigError
        A line for each setting that names a stream which nobody writes or a command that nobody has, with
        the nearest that there is; and for what services see to be wrong, such as a device without methods.

    Examples
    --------
    >>> from parfocal.rig.config import RigConfig
    >>> config = RigConfig.model_validate(
    ...     {
    ...         "name": "bench",
    ...         "services": {
    ...             "camera": {"kind": "camera", "settings": {"device": "simulated-camera"}},
    ...             "recorder": {"kind": "recorder", "settings": {"frames": "camra"}},
    ...         },
    ...     }
    ... )
    >>> check_references(config)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    parfocal.core.errors.ConfigError: services.recorder.settings.frames: no service writes a stream 'camra'; \
did you mean 'camera'?...
    """
    services = _made(config)
    unwritten = list(_unwritten(services))
    seen = [f"services.{name}: {line}" for name, service in services.items() for line in service.problems()]
    lines = [*seen, *unwritten, *_unanswered(services, config)]
    if unwritten and any(type(each).streams_written is Service.streams_written for each in services.values()):
        lines.append("(a service whose streams are not called like itself names them in `streams_written`)")
    if lines:
        raise ConfigError("\n".join(lines))


def _made(config: RigConfig) -> dict[str, Service]:
    """Return each service, made but not opened."""
    made = {}
    for spec in service_specs(config):
        kind = load_service(spec.factory)
        made[spec.name] = kind(validate(kind.Config, spec.settings, f"services.{spec.name}.settings: "))
    return made


def _unwritten(services: Mapping[str, Service]) -> Iterator[str]:
    written = [stream for name, service in services.items() for stream in service.streams_written(name)]
    for name, service in services.items():
        for setting, streams in service.streams_read().items():
            for stream in streams:
                if stream not in written:
                    stated = f"services.{name}.settings.{setting}: no service writes a stream {stream!r}"
                    yield f"{stated}; {nearest(stream, written)}"


def _unanswered(services: Mapping[str, Service], config: RigConfig) -> Iterator[str]:
    called = [
        (f"services.{name}.settings.{setting}: ", *call)
        for name, service in services.items()
        for setting, calls in service.commands_called().items()
        for call in calls
    ]
    listing = command_listing(config) if called else {}
    for where, service, command in called:
        if service not in listing:
            yield f"{where}there is no service {service!r}; {nearest(service, listing)}"
        elif command not in (known := [info.name for info in listing[service]]):
            yield f"{where}service {service!r} has no command {command!r}; {nearest(command, known)}"
