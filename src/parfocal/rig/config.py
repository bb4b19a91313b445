"""A laboratory as one validated TOML file: its services, their devices, streams and policies."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from parfocal.core.errors import ConfigError, nearest, reason_of
from parfocal.core.files import replace_file
from parfocal.core.text_values import ALL, Kind, kinds_of, named_values
from parfocal.processes.loading import SERVICES, load_object, plugins
from parfocal.processes.setting_layers import with_values
from parfocal.processes.settings import plain
from parfocal.processes.spec import RESERVED
from parfocal.processes.validation import setting_type, validate
from parfocal.rig.config_names import Name, checked_name
from parfocal.rig.panel_config import PanelConfig, PlotConfig
from parfocal.rig.run_roles import check_parts, has_runs
from parfocal.runs.conditions.interlocks import check_services, interlocks_from_data, interlocks_to_data
from parfocal.runs.settings import SERVICE as RUNS
from parfocal.runs.settings import RunSettings

# The short names a rig file may use for a service; anything else is written "package.module:Class".
KINDS: dict[str, str] = {
    "camera": "parfocal.devices.camera:CameraHost",
    "stage": "parfocal.devices.stage:StageHost",
    "light": "parfocal.devices.light:LightHost",
    "channels": "parfocal.devices.channels:ChannelsHost",
    "modulator": "parfocal.devices.modulator:ModulatorHost",
    "micromanager": "parfocal.devices.micromanager.host:CoreHost",
    "redpitaya": "parfocal.devices.redpitaya.host:RedPitayaHost",
    "simulated_world": "parfocal.devices.simulated.microscope.world:SimulatedWorld",
    "tracker": "parfocal.analysis.beads.tracker:TrackerService",
    "tracker_worker": "parfocal.analysis.beads.worker:TrackerWorker",
    "xy-lock": "parfocal.analysis.locks.xy_lock:XYLock",
    "z-lock": "parfocal.analysis.locks.z_lock:ZLock",
    "force": "parfocal.analysis.force.force_service:ForceService",
    "recorder": "parfocal.storage.recorder:Recorder",
}

HIDDEN = str(SecretStr("secret"))
"""What stands for a secret where it is shown."""


class ServiceConfig(BaseModel):
    """One service: what it is, what it needs, what happens when it fails.

    Parameters
    ----------
    kind : str
        A short name from `KINDS` or of an installed package's entry point ``parfocal.services``, or
        ``package.module:Class`` of a `parfocal.processes.Service`.
    settings : dict
        Checked against the service's own ``Config``.
    depends_on : list of str
        Services that have to be ready before this one starts.
    policy : {"restart", "degrade", "stop"}
        When it crashes or hangs: start it again with growing pauses, go on without it, or stop the rig.
    back_off_s : float
        Pause before the first restart; doubles with each failure in a row, up to 30 s.
    max_restarts : int
        After so many it is given up and the rig is degraded.
    hang_after_s : float
        A process that is silent for so long counts as hung: it was stopped, or is stuck in a driver.
    step_limit_s : float, optional
        One step of its loop, or one of its commands there, may take so long; until then it is shown as busy,
        after it as hung. By default what its class declares: 30 s unless it says otherwise.
    safe_when_lost : list of str
        Services that steer this one: when one of them ends, crashes or hangs, its outputs are made safe.
    start_timeout_s : float
        It has to be ready within this time, once those it depends on are; one that is still at work then has
        longer on a machine that has other work. Long enough for a first start, which compiles the numerics.
    stop_timeout_s : float
        It has to end in order within this time, or is terminated and then killed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    settings: dict[str, Any] = {}
    depends_on: list[Name] = []
    policy: Literal["restart", "degrade", "stop"] = "restart"
    back_off_s: Annotated[float, Field(ge=0)] = 0.2
    max_restarts: Annotated[int, Field(ge=0)] = 5
    hang_after_s: Annotated[float, Field(gt=0)] = 1.0
    step_limit_s: Annotated[float, Field(gt=0)] | None = None
    safe_when_lost: list[Name] = []
    start_timeout_s: Annotated[float, Field(gt=0)] = 180.0
    stop_timeout_s: Annotated[float, Field(gt=0)] = 4.0

    @field_validator("kind")
    @classmethod
    def _kind_is_known(cls, kind: str) -> str:
        if kind not in KINDS and ":" not in kind and kind not in plugins(SERVICES):
            known = [*KINDS, *plugins(SERVICES)]
            raise ValueError(
                f"kind {kind!r} is unknown ({nearest(kind, known)}); or write package.module:Class"
            )
        return kind

    @property
    def factory(self) -> str:
        """The class of the service, as ``package.module:Class``."""
        if ":" in self.kind or self.kind in KINDS:
            return KINDS.get(self.kind, self.kind)
        return plugins(SERVICES)[self.kind].address


class RigConfig(BaseModel):
    """A whole laboratory.

    Parameters
    ----------
    name, description : str
        What it is called, and what it is.
    services : dict
        Its services by their names.
    runs : RunSettings, optional
        Which services play which part in its runs, where their kinds don't tell, and by which rules runs go.
    panels, plots : dict
        Panels and time plots that desktops show of it beside their own, by their names.
    interlocks : list of dict
        Conditions that have to hold as long as any of its runs goes on: each with name, condition and breach.
    real_time : list of str
        Services, perhaps "runs", that go before all other programs of this machine: those for whose answers a
        closed loop waits, and that compute little themselves. See `parfocal.processes.priority`.
    own_processor : list of str
        Services, perhaps "runs", that share one processor, which no other of these services works on: those
        for whose answers a closed loop waits. See `parfocal.processes.processors`.

    Examples
    --------
    >>> config = RigConfig.model_validate({"name": "bench", "services": {"recorder": {"kind": "recorder"}}})
    >>> config.services["recorder"].policy
    'restart'
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    description: str = ""
    services: dict[Name, ServiceConfig]
    runs: RunSettings | None = None
    panels: dict[Name, PanelConfig] = {}
    plots: dict[Name, PlotConfig] = {}
    interlocks: list[dict[str, Any]] = []
    real_time: list[Name] = []
    own_processor: list[Name] = []

    @field_validator("interlocks")
    @classmethod
    def _interlocks_are_known(cls, interlocks: Any) -> Any:
        return interlocks_to_data(interlocks_from_data(interlocks))

    @model_validator(mode="after")
    def _dependencies_exist(self) -> RigConfig:
        for name, service in self.services.items():
            _check_not_reserved(name)
            for word, others in (
                ("depends on", service.depends_on),
                ("is to be safe when it loses", service.safe_when_lost),
            ):
                for other in others:
                    if other not in self.services and (other != "runs" or word == "depends on"):
                        raise ValueError(
                            f"{name} {word} {other!r}, which is no service; {nearest(other, self.services)}"
                        )
        known = [*self.services, *([RUNS] if has_runs(self) else [])]
        for word, names in (("real_time", self.real_time), ("own_processor", self.own_processor)):
            for name in names:
                if name not in known:
                    raise ValueError(f"{word}: {name!r} is no service; {nearest(name, known)}")
        if twice := [name for name in self.own_processor if name in self.real_time]:
            raise ValueError(
                f"real_time and own_processor both name {', '.join(twice)}: services that go first are "
                "slower on one processor, as each keeps the others waiting; name them in one of the two"
            )
        if self.runs is not None and self.runs.real_time_workers and RUNS not in self.real_time:
            raise ValueError(f"runs: real_time_workers needs {RUNS!r} in real_time, too")
        check_services(interlocks_from_data(self.interlocks), self.services)
        if self.runs is not None:
            check_parts(self.runs, self.services)
        return self


def load_config(source: str | Path | Mapping[str, Any] | RigConfig) -> RigConfig:
    """Read and check a laboratory, the settings of each service included. Starts nothing.

    Parameters
    ----------
    source : path, mapping or RigConfig
        A TOML file, or what one would hold. Modules beside the file can be imported from then on, here and in
        the rig's processes.

    Raises
    ------
    ConfigError
        Naming the key, its value and the nearest known one.
    """
    where, data = _read(source)
    config = (
        data if isinstance(data, RigConfig) else validate(RigConfig, data, where, top=RigConfig.model_fields)
    )
    for name, service in config.services.items():
        check_settings(service, f"{where}services.{name}.settings: ", top=RigConfig.model_fields)
    return config


def check_service(name: str, service: ServiceConfig | Mapping[str, Any]) -> ServiceConfig:
    """Check what is said of one service beside a rig file, its settings included. Starts nothing.

    Raises
    ------
    ConfigError
        Naming the key, its value and the nearest known one; or the name, if no service can have it.
    """
    where = f"services.{name}: "
    checked = service if isinstance(service, ServiceConfig) else validate(ServiceConfig, service, where)
    try:
        _check_not_reserved(checked_name(name))
    except ValueError as error:
        raise ConfigError(f"{where}{error}") from error
    check_settings(checked, where)
    return checked


def _check_not_reserved(name: str) -> None:
    if name in RESERVED:
        raise ValueError(f"a service cannot be called {name!r}: {RESERVED[name]}; choose another name")


def check_settings(service: ServiceConfig, where: str, *, top: Collection[str] = ()) -> None:
    """Check a service's settings against the ``Config`` of its class, which is imported for that.

    Keys of a whole rig file (`top`) that stand among them are told to belong before its first table.

    Raises
    ------
    ConfigError
        If the class cannot be found, or a setting does not fit.
    """
    model = model_of(service)
    if model is not None:
        validate(model, service.settings, where, top=top)
    elif service.settings:
        raise ConfigError(f"{where}{service.kind} takes no settings, got {', '.join(service.settings)}")


def save_config(config: RigConfig, path: Path) -> None:
    """Write a laboratory as TOML, without what is as by default.

    TOML has no null: a setting that is None is left to its default.
    """
    data = _without_nulls(config.model_dump(mode="json", exclude_defaults=True))
    replace_file(path, tomli_w.dumps(data).encode())


def _without_nulls(data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _without_nulls(value) if isinstance(value, Mapping) else value
        for key, value in data.items()
        if value is not None
    }


def without_secrets(config: RigConfig) -> RigConfig:
    """Return the laboratory as records may keep it: stars stand in place of each password."""
    services = {
        name: service.model_copy(update={"settings": _without_secrets(service)})
        for name, service in config.services.items()
    }
    return config.model_copy(update={"services": services})


def _without_secrets(service: ServiceConfig) -> dict[str, Any]:
    model = getattr(load_object(service.factory, f"kind {service.factory!r}"), "Config", None)
    if model is None:
        return service.settings
    shown = plain(validate(model, service.settings, ""))
    return {key: _hidden(value, shown.get(key, value)) for key, value in service.settings.items()}


def _hidden(given: Any, shown: Any) -> Any:
    """Return what was given, with what is not shown of it replaced."""
    if isinstance(given, Mapping) and isinstance(shown, Mapping):
        return {key: _hidden(value, shown.get(key, value)) for key, value in given.items()}
    return shown if shown == HIDDEN else given


def read_changes(config: RigConfig, words: Iterable[str]) -> dict[str, Any]:
    """Return changes as `with_changes` takes them, from words such as ``camera.options.serial=4711``.

    Each value is read as the type that its setting declares.

    Raises
    ------
    BadInputError
        If a word has no ``=``.
    ConfigError
        If the class of a service or of its device cannot be found.

    Examples
    --------
    >>> config = RigConfig.model_validate({"name": "bench", "services": {"camera": {"kind": "camera"}}})
    >>> read_changes(config, ["camera.device=4711", "camera.slots=16"])
    {'camera.device': '4711', 'camera.slots': 16}
    """

    def kinds(path: str) -> frozenset[Kind]:
        name, *inside = path.split(".")
        service = config.services.get(name)
        if service is None or not inside:
            return ALL  # `with_changes` says what is wrong
        return kinds_of(setting_type(model_of(service), inside, service.settings))

    return named_values(words, kinds)


def with_changes(config: RigConfig, changes: Mapping[str, Any]) -> RigConfig:
    """Return the laboratory with settings replaced, each addressed as ``service.setting``.

    Raises
    ------
    ConfigError
        If there is no such service, or a part of its runs cannot be played so. Settings of services are not
        checked here.

    Examples
    --------
    >>> config = RigConfig.model_validate({"name": "bench", "services": {"camera": {"kind": "camera"}}})
    >>> with_changes(config, {"camera.stream": "left"}).services["camera"].settings
    {'stream': 'left'}
    """
    data = config.model_dump()
    for path, value in changes.items():
        service, _, setting = path.partition(".")
        if service not in data["services"] and service != RUNS:
            raise ConfigError(f"{path!r}: no service {service!r}; {nearest(service, data['services'])}")
        if not setting:
            raise ConfigError(f"{path!r}: write SERVICE.SETTING=VALUE")
        if service == RUNS:
            data["runs"] = with_values(data["runs"] or {}, {setting: value})
        else:
            target = data["services"][service]
            target["settings"] = with_values(target["settings"], {setting: value})
    return validate(RigConfig, data)


def model_of(service: ServiceConfig) -> Any:
    """Return the class of a service's settings; None if it has none."""
    return getattr(load_object(service.factory, f"kind {service.factory!r}"), "Config", None)


def _read(source: str | Path | Mapping[str, Any] | RigConfig) -> tuple[str, Mapping[str, Any] | RigConfig]:
    if isinstance(source, RigConfig | Mapping):
        return "", source
    path = Path(source)
    beside = str(path.absolute().parent)
    if beside not in sys.path:  # last, so that it can hide nothing
        sys.path.append(beside)
    try:
        return f"{path.name}: ", tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"rig file {path} cannot be read: {reason_of(error)}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"rig file {path} is not TOML: {error}") from error
