"""From a laboratory's file to the processes it stands for: the only place that knows everyone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parfocal.processes import ServiceSpec

if TYPE_CHECKING:
    from parfocal.rig.config import RigConfig, ServiceConfig


def service_specs(config: RigConfig) -> tuple[ServiceSpec, ...]:
    """Return the processes of a laboratory, a tracker's workers included.

    Examples
    --------
    >>> from parfocal.rig.config import RigConfig
    >>> config = RigConfig.model_validate(
    ...     {"name": "bench", "services": {"tracker": {"kind": "tracker", "settings": {"workers": 2}}}}
    ... )
    >>> [spec.name for spec in service_specs(config)]
    ['tracker', 'tracker-1', 'tracker-2']
    """
    return tuple(
        spec
        for name, service in config.services.items()
        for spec in (_spec(name, service), *_workers(name, service))
    )


def _spec(name: str, service: ServiceConfig) -> ServiceSpec:
    return ServiceSpec(
        name=name,
        factory=service.factory,
        settings=service.settings,
        depends_on=tuple(service.depends_on),
        policy=service.policy,
        max_restarts=service.max_restarts,
        hang_after_s=service.hang_after_s,
        start_timeout_s=service.start_timeout_s,
    )


def _workers(name: str, service: ServiceConfig) -> tuple[ServiceSpec, ...]:
    """Return the worker processes of a tracker, which do its numbers; none for any other service."""
    if service.kind != "tracker":
        return ()
    count = int(service.settings.get("workers", 1))
    return tuple(_worker(name, service, index, count) for index in range(count))


def _worker(name: str, service: ServiceConfig, index: int, count: int) -> ServiceSpec:
    settings: dict[str, Any] = {"front": name, "index": index, "workers": count}
    inherited = {key: service.settings[key] for key in ("frames",) if key in service.settings}
    worker = service.model_copy(update={"kind": "tracker_worker", "settings": settings | inherited})
    return _spec(f"{name}-{index + 1}", worker)
