"""From a laboratory's file to the processes it stands for: the only place that knows everyone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from parfocal.processes import ServiceSpec
from parfocal.processes.setting_layers import leaves
from parfocal.rig.config import check_service, model_of
from parfocal.rig.run_roles import has_runs, run_spec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from parfocal.processes.processors import Processors
    from parfocal.processes.setting_layers import Layers
    from parfocal.rig.config import RigConfig, ServiceConfig


_RULES = (
    "policy",
    "back_off_s",
    "max_restarts",
    "hang_after_s",
    "step_limit_s",
    "start_timeout_s",
    "stop_timeout_s",
)
"""What a rig file says of a service in the words of its `ServiceSpec`."""

_SHARED = ("frames", "profiles", "policy", "threads")
"""Settings of a tracker that its workers have too."""


def service_specs(config: RigConfig, layers: Mapping[str, Layers] | None = None) -> tuple[ServiceSpec, ...]:
    """Return the processes of a laboratory: a tracker's workers, and what carries out runs, included.

    Parameters
    ----------
    layers : mapping, optional
        For each service where its settings come from; by default all of them come from the file.

    Examples
    --------
    >>> from parfocal.rig.config import RigConfig
    >>> config = RigConfig.model_validate(
    ...     {"name": "bench", "services": {"tracker": {"kind": "tracker", "settings": {"workers": 2}}}}
    ... )
    >>> [spec.name for spec in service_specs(config)]
    ['tracker-1', 'tracker-2', 'tracker']
    >>> config = config.model_copy(update={"own_processor": ["tracker"]})
    >>> [spec.processors for spec in service_specs(config)]
    ['others', 'others', 'own']
    """
    specs = tuple(spec for name, service in config.services.items() for spec in _specs(name, service))
    if has_runs(config):
        specs = (*specs, run_spec(config))
    known = layers or {}
    return tuple(
        replace(
            spec,
            layers=known.get(spec.name, spec.layers),
            real_time=spec.name in config.real_time,
            processors=_processors(spec.name, config.own_processor),
        )
        for spec in specs
    )


def _processors(name: str, own: Sequence[str]) -> Processors:
    """Return which processors a service works on, if these have one of their own."""
    if not own:
        return "any"
    return "own" if name in own else "others"


def specs_of_service(name: str, service: ServiceConfig | Mapping[str, Any]) -> tuple[ServiceSpec, ...]:
    """Check what is said of one service, as in a rig file, and return its processes.

    Raises
    ------
    ConfigError
        If it is not valid.
    """
    return _specs(name, check_service(name, service))


def _specs(name: str, service: ServiceConfig) -> tuple[ServiceSpec, ...]:
    """Return a service's processes: itself, and for a tracker the workers before it, which do its numbers."""
    if service.kind != "tracker":
        return (_spec(name, service),)
    count = int(service.settings.get("workers", 1))
    workers = tuple(_worker(name, service, index, count) for index in range(count))
    needed = [*service.depends_on, *(worker.name for worker in workers)]
    return *workers, _spec(name, service.model_copy(update={"depends_on": needed}))


def _worker(name: str, service: ServiceConfig, index: int, count: int) -> ServiceSpec:
    shared = {key: service.settings[key] for key in _SHARED if key in service.settings}
    settings = {"coordinator": name, "index": index, "workers": count, **shared}
    worker = service.model_copy(update={"kind": "tracker_worker", "settings": settings})
    return _spec(f"{name}-{index + 1}", worker, part_of=name)


def _by_path(service: ServiceConfig) -> dict[str, Any]:
    is_worker = service.kind == "tracker_worker"  # whose class nobody needs to import here
    return leaves(None if is_worker else model_of(service), service.settings)


def _spec(name: str, service: ServiceConfig, part_of: str = "") -> ServiceSpec:
    rules = service.model_dump(include={"settings", *_RULES})
    return ServiceSpec(
        name=name,
        factory=service.factory,
        depends_on=tuple(service.depends_on),
        safe_when_lost=tuple(service.safe_when_lost),
        part_of=part_of,
        layers={"file": _by_path(service)},
        **rules,
    )
