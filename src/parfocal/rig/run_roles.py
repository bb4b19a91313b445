"""Which service of a rig plays which part in its runs: as its file says, else found by kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parfocal.core.errors import nearest
from parfocal.processes import ServiceSpec
from parfocal.runs.settings import SERVICE, RunSettings

if TYPE_CHECKING:
    from parfocal.rig.config import RigConfig, ServiceConfig

FACTORY = "parfocal.runs.service:RunService"
_HISTORY = "parfocal.storage.recorded_history:recorded_history"
_STORED_FRAMES = "parfocal.storage.stored_frame:stored_frame"
_STORED_EVENTS = "parfocal.storage.stored_events:stored_events"
_SCRIPT_PROCESS = "parfocal.rig.script_main"
_START_S = 120.0
BY_KIND = {
    "camera": ("camera", "micromanager"),
    "channels": ("channels",),
    "modulator": ("modulator",),
    "recorder": ("recorder",),
    "tracker": ("tracker",),
}
"""Parts that the one service of these kinds plays."""
STAGES = ("xy", "z")
"""Parts that the stage of that name plays."""


def has_runs(config: RigConfig) -> bool:
    """Return whether a rig has a service `runs`: its file has a table for it, or it has a camera."""
    return config.runs is not None or bool(_of_kind(config.services, *BY_KIND["camera"]))


def run_settings(config: RigConfig) -> RunSettings:
    """Return the settings of the service `runs`: parts that the file leaves open are found by kind.

    Where several services could play a part, nobody does, and the settings tell of whom one has to be chosen.

    Examples
    --------
    >>> from parfocal.rig.config import RigConfig
    >>> camera, stage = {"kind": "camera"}, {"kind": "stage"}
    >>> one = RigConfig.model_validate({"name": "bench", "services": {"eye": camera, "z": stage}})
    >>> run_settings(one).camera, run_settings(one).z
    ('eye', 'z')
    >>> run_settings(one).stored_frames
    'parfocal.storage.stored_frame:stored_frame'
    >>> two = RigConfig.model_validate({"name": "bench", "services": {"left": camera, "right": camera}})
    >>> run_settings(two).camera, run_settings(two).undecided
    ('', {'camera': ('left', 'right')})
    """
    said = {} if config.runs is None else config.runs.model_dump(exclude_defaults=True)
    found: dict[str, Any] = {
        "stored_frames": _STORED_FRAMES,
        "history": _HISTORY,
        "stored_events": _STORED_EVENTS,
        "script_process": _SCRIPT_PROCESS,
    }
    undecided: dict[str, tuple[str, ...]] = {}
    for part, kinds in BY_KIND.items():
        names = _of_kind(config.services, *kinds)
        if len(names) == 1:
            found[part] = names[0]
        elif names and part not in said:
            undecided[part] = names
    tracker = config.services.get(str(said.get("tracker", found.get("tracker", ""))))
    if tracker is not None and "tracks" in tracker.settings:
        found["tracks"] = tracker.settings["tracks"]
    channels = str(said.get("channels", found.get("channels", "")))
    found |= _sequencing(config.services, str(said.get("camera", found.get("camera", ""))), channels)
    found |= {name: name for name in STAGES if name in _of_kind(config.services, "stage")}
    found["interlocks"] = tuple(config.interlocks)
    found["lights"] = _of_kind(config.services, "light")
    return RunSettings(**{**found, "undecided": undecided, **said})


def run_spec(config: RigConfig) -> ServiceSpec:
    """Return the process that carries out the runs of a rig. It ends before those whose services it uses."""
    settings = run_settings(config)
    said = settings.model_dump(mode="json", exclude_defaults=True)
    return ServiceSpec(
        name=SERVICE,
        factory=FACTORY,
        settings=said,
        layers={"file": said},
        depends_on=tuple(sorted(set(parts_of(settings)))),
        start_timeout_s=_START_S,
        ends_first=True,
        keep_awake=settings.keep_awake,
    )


def parts_of(settings: RunSettings) -> tuple[str, ...]:
    """Return the services that play a part."""
    single = (getattr(settings, part) for part in (*BY_KIND, *STAGES))
    return tuple(filter(None, (*single, *settings.lights)))


def check_parts(settings: RunSettings, services: dict[str, ServiceConfig]) -> None:
    """Check that those whom a rig file names for its runs are there.

    Raises
    ------
    ValueError
        Naming the part, and the service nearest to the one it names.
    """
    for name in parts_of(settings):
        if name not in services:
            raise ValueError(f"runs: {name!r} is no service; {nearest(name, services)}")


def _sequencing(services: dict[str, ServiceConfig], camera: str, channels: str) -> dict[str, str]:
    """Return the settings of a camera that takes sequences, and of what it may step: devices of its core."""
    if camera not in services or services[camera].kind != "micromanager":
        return {}
    found = {"sequencer": camera}
    for name in STAGES:
        stage = _core_options(services.get(name), "micromanager-stage", camera)
        if stage is not None:
            found[f"sequenced_{name}"] = stage.get("stage", "")
    group = _core_options(services.get(channels), "micromanager-channels", camera)
    if group is not None and not group.get("settle_s"):
        found["sequenced_channels"] = group.get("group", "Channel")
    return found


def _core_options(service: ServiceConfig | None, device: str, camera: str) -> dict[str, Any] | None:
    """Return the options of a service if it is that device of the core that `camera` has; else None."""
    if service is None or service.settings.get("device") != device:
        return None
    options: dict[str, Any] = service.settings.get("options", {})
    return options if options.get("core", "camera") == camera else None


def _of_kind(services: dict[str, ServiceConfig], *kinds: str) -> tuple[str, ...]:
    return tuple(name for name, service in services.items() if service.kind in kinds)
