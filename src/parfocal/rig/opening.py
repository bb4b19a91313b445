"""Opening a laboratory here or in the background, and attaching to one that runs."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parfocal.core.errors import ConfigError, RigNotFoundError, nearest
from parfocal.processes import Supervisor, directory
from parfocal.processes.loading import RIGS, plugins
from parfocal.rig.assemble import service_specs
from parfocal.rig.config import RigConfig, load_config, save_config, without_secrets
from parfocal.rig.connections import AttachedRig, OwnedRig
from parfocal.rig.detached import start_detached
from parfocal.rig.layered_config import config_to_start
from parfocal.rig.named_rigs import builtin_rigs, installed_rig, named_rigs
from parfocal.rig.panel_config import panels_of
from parfocal.rig.rig import Rig
from parfocal.rig.stopped_rig import StoppedRig

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOG = logging.getLogger(__name__)


def open_rig(
    source: str | Path | Mapping[str, Any] | RigConfig,
    *,
    name: str | None = None,
    changes: Mapping[str, Any] | None = None,
    detach: bool = False,
) -> Rig:
    """Start a laboratory and return it when every service is ready.

    Settings that are kept for a rig of that name (see `Rig.change_settings`) go before those of the file, and
    `changes` before both. What is kept and does not fit any more is left out, and logged as a warning.

    Parameters
    ----------
    source : str, path, mapping or RigConfig
        A TOML file, the name of a rig (see `parfocal.rig.named_rigs`), or what a file would hold.
    name : str, optional
        Another name than the file's, so that two of one kind can run side by side.
    changes : mapping, optional
        Settings to replace, each as ``{"service.setting": value}``.
    detach : bool
        Whether it runs on in the background, in a process of its own: leaving the ``with`` block, or the end
        of this program, lets it run on; its `stop` ends it, from any program that attaches.

    Raises
    ------
    ConfigError
        If the laboratory is not valid; nothing was started.
    AlreadyRunningError
        If a rig of that name runs; names its process.
    StartError
        If a service did not become ready; carries the service's own error. Everything else was ended again.
    """
    file = load_source(source)
    if name is not None:
        file = load_config({**file.model_dump(), "name": name})
    layered = config_to_start(file, changes)
    config, layers, warnings = layered
    if detach:
        for warning in warnings:
            _LOG.warning(warning)
        start_detached(layered)
        return attach(config.name)
    panels = panels_of(config.panels, config.plots)
    supervisor = Supervisor(config.name, service_specs(config, layers), warnings=warnings, panels=panels)
    supervisor.start()
    try:
        save_config(without_secrets(config), supervisor.folder / directory.RIG_FILE)
    except BaseException:
        supervisor.stop("its file could not be kept")
        raise
    return Rig(OwnedRig(supervisor))


def attach(name: str) -> Rig:
    """Return a rig that another process started. Leaving it lets it run on.

    Raises
    ------
    RigNotFoundError
        If none of that name runs; names those that do.
    """
    return Rig(AttachedRig(name))


def attach_or_open(source: str, *, detach: bool = False) -> Rig:
    """Return the running rig of that name; else start the built-in rig, or the file, that `source` names.

    Leaving it ends it only if it was started here, and not detached.

    Raises
    ------
    RigNotFoundError
        If nothing of that name runs, is built in, or is a file.
    ConfigError, AlreadyRunningError, StartError
        As `open_rig`.
    """
    running = [record.rig for record in directory.rigs()]
    if source in running:
        return attach(source)
    config = config_of(source)
    return attach(config.name) if config.name in running else open_rig(config, detach=detach)


def is_up(source: str) -> bool:
    """Return whether the rig runs that `source` names, as `attach_or_open` takes it. Raises as that does."""
    running = [record.rig for record in directory.rigs()]
    return source in running or config_of(source).name in running


def settings_of(source: str) -> Rig | StoppedRig:
    """Return what lists and changes the settings of a rig, running or not. Starts nothing.

    Raises
    ------
    RigNotFoundError
        If nothing of that name runs, is built in, or is a file.
    ConfigError
        If the file is wrong.
    """
    running = [record.rig for record in directory.rigs()]
    if source in running:
        return attach(source)
    config = config_of(source)
    return attach(config.name) if config.name in running else StoppedRig(config)


def config_of(source: str) -> RigConfig:
    """Return what the running rig of that name is; else the built-in rig, or the file, that `source` names.

    Starts nothing.

    Raises
    ------
    RigNotFoundError
        If nothing of that name runs, is built in, or is a file.
    ConfigError
        If the file is wrong.
    """
    running = [record.rig for record in directory.rigs()]
    if source in running:
        return load_config(directory.runtime_folder(source) / directory.RIG_FILE)
    if source not in plugins(RIGS) and source not in builtin_rigs() and not Path(source).is_file():
        known = nearest(source, [*running, *named_rigs()])
        raise RigNotFoundError(f"no rig {source!r} is running, and none is built in or a file; {known}")
    return load_source(source)


def load_source(source: str | Path | Mapping[str, Any] | RigConfig) -> RigConfig:
    """Read and check a laboratory: a rig's name, a file, or what a file would hold. Starts nothing.

    A name without a dot or a slash is that of a built-in rig, or of one of an installed package, whatever
    lies in the working directory; write ``./name`` for a file of that name.

    Examples
    --------
    >>> load_source({"name": "bench", "services": {}}).name
    'bench'
    """
    known = builtin_rigs()
    if isinstance(source, str) and source in known:
        source = known[source]
    elif isinstance(source, str) and source in plugins(RIGS):
        source = installed_rig(source)
    elif isinstance(source, str) and not {".", "/", "\\"} & set(source) and not Path(source).is_file():
        raise ConfigError(
            f"there is no rig file and no built-in rig {source!r}; {nearest(source, named_rigs())}"
        )
    return load_config(source)
