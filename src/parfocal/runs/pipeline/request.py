"""A pipeline as a caller asks for it with a run: checked where it can be imported, sent as plain data."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.core.run_status import StimMode
from parfocal.processes.loading import load_object
from parfocal.runs.pipeline.pipeline import Pipeline, pipeline_from_data
from parfocal.runs.pipeline.step import resolve

AnyPipeline = Pipeline | Mapping[str, Any] | str
"""A pipeline, the plain data of one, or the address of one: "module:object"."""


class PipelineRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A pipeline, and what its workers have to know.

    Attributes
    ----------
    pipeline : Pipeline
        Its steps, with the hashes of their sources.
    mode : StimMode
        From which image the mask of a stimulus is made.
    search_path : tuple of str
        Folders in which the modules of its steps lie.
    required_metadata : tuple of str
        What its steps want to know of each event.
    """

    pipeline: Pipeline
    mode: StimMode = "current"
    search_path: tuple[str, ...] = ()
    required_metadata: tuple[str, ...] = ()


def pipeline_request(pipeline: AnyPipeline, mode: str = "current") -> PipelineRequest:
    """Import and check the steps of a pipeline in this process.

    Raises
    ------
    BadInputError, ConfigError
        If there is no such pipeline or step, or one is not what it has to be; names it.

    Examples
    --------
    >>> request = pipeline_request({"segment": "parfocal.testing.steps:bright"})
    >>> len(request.pipeline.segment.source), request.required_metadata
    (64, ())
    """
    if mode not in get_args(StimMode):
        raise BadInputError(f"stim_mode must be 'current' or 'previous', not {mode!r}")
    found = _loaded(pipeline) if isinstance(pipeline, str) else pipeline_from_data(pipeline)
    sources: dict[str, Any] = {}
    metadata: set[str] = set()
    folders: dict[str, None] = {}
    for name, step in found.steps():
        resolved = resolve(name, step)
        sources[name] = msgspec.structs.replace(step, source=resolved.source)
        metadata |= resolved.required_metadata
        folders |= dict.fromkeys(_folder_of(step.call))
    return PipelineRequest(
        pipeline=msgspec.structs.replace(found, **sources),
        mode=mode,  # type: ignore[arg-type]
        search_path=tuple(folders),
        required_metadata=tuple(sorted(metadata)),
    )


def _loaded(address: str) -> Pipeline:
    if ":" not in address:
        raise BadInputError(f"a pipeline is named as 'module:object', not {address!r}")
    found = load_object(address, f"pipeline {address!r}")
    if not isinstance(found, (Pipeline, Mapping)):
        raise BadInputError(f"{address!r} is {type(found).__name__}, no Pipeline")
    return pipeline_from_data(found)


def _folder_of(address: str) -> list[str]:
    """Return the folder in which the package or module of a step lies; none of one that has no file."""
    top = sys.modules[address.partition(":")[0].partition(".")[0]]
    if getattr(top, "__file__", None) is None:
        return [str(Path(folder).parent) for folder in getattr(top, "__path__", ())]
    path = Path(str(top.__file__)).absolute()
    return [str(path.parent.parent if hasattr(top, "__path__") else path.parent)]
