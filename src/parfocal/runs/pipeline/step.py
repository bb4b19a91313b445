"""One step of a pipeline: which function or class, with which settings; resolved, checked, and hashed."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from parfocal.core.errors import BadInputError, nearest
from parfocal.processes.loading import STEPS, load_object, plugins
from parfocal.runs.pipeline.setting_check import check_setting

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FIELD = ("shape", "t", "p", "time_points", "position", "well", "metadata")
_IMAGES = ("image", "images", *_FIELD)
_CELLS = (*_IMAGES, "labels", "columns")
KNOWN: dict[str, tuple[str, ...]] = {
    "segment": _IMAGES,
    "features": _CELLS,
    "track": _CELLS,
    "features_ref": _CELLS,
    "choose": (*_CELLS, "picked"),
    "stimulate": (*_CELLS, "chosen", "picked"),
}
"""What each step may ask for, by the names of its parameters."""


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A step of a pipeline.

    It is a plain function, or a class whose object is called; what it is given is named by its parameters::

        image         ndarray (y, x)      of the channel that is segmented
        images        dict                channel -> image (y, x), at this time point and position
        labels        int32 (y, x)        0 is background
        columns       dict                name -> values (n,), one for each label in ascending order: "label",
                                          "y_px", "x_px", "area_px"; then "particle", features
        chosen        bool (n,)           by the step `choose`, else all
        picked        int64               numbers of the particles that a person has picked
        shape         (y, x)              of the images
        t, p          int                 time point and position, from 0
        time_points   int                 how many the plan has
        position, well, metadata          as the plan has them

    Any other parameter is a setting: it has a default, or a value in `settings`.

    Parameters
    ----------
    call : str
        "module:object"; the module is imported in another process. Or the short name of an installed
        package's entry point ``parfocal.steps``, which becomes what it stands for.
    settings : dict
        Values for the parameters that are settings.
    source : str
        SHA-256 of the source of the module, once it was checked; recorded, and no other is run.
    """

    call: str
    settings: dict[str, Any] = {}
    source: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.call, str):
            raise BadInputError(
                f"a step is named as 'module:object', which other processes can import, not {self.call!r}"
            )
        if ":" not in self.call and self.call in plugins(STEPS):
            msgspec.structs.force_setattr(self, "call", plugins(STEPS)[self.call].address)
        module, _, name = self.call.partition(":")
        if module in ("__main__", "") or not name or "<lambda>" in name:
            raise BadInputError(
                f"step {self.call!r} can't be imported by another process: write the function into a module "
                "file and name it 'module:function'"
            )


class ResolvedStep(NamedTuple):
    """A step that is ready to be called.

    `run` takes what `needs` names, by name; `owner` is the object of a class, which may remember something.
    """

    run: Callable[..., Any]
    needs: tuple[str, ...]
    required_metadata: frozenset[str]
    source: str
    owner: Any


def resolve(stage: str, step: Step) -> ResolvedStep:
    """Import a step, check its parameters against what it may ask for, and return it ready to be called.

    Parameters
    ----------
    stage : str
        What it is in the pipeline, such as "segment".
    step : Step
        Which function or class.

    Raises
    ------
    BadInputError
        If it can't be imported, is not what this stage needs, lacks a setting, or does not take one.

    Examples
    --------
    >>> resolve("segment", Step(call="numpy:zeros_like", settings={"ordr": 1}))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    parfocal.core.errors.BadInputError: segment 'numpy:zeros_like': ... setting 'ordr'; did you mean 'order'?
    """
    where = f"{stage} {step.call!r}"
    target = load_object(step.call, where)
    if not callable(target):
        raise BadInputError(f"{where}: it can't be called: it is {type(target).__name__}")
    metadata = frozenset(getattr(target, "required_metadata", ()))
    source = _source_of(target)
    if step.source and step.source != source:
        raise BadInputError(
            f"{where}: its source ({source[:8]}) is not that which was checked ({step.source[:8]})"
        )
    known = KNOWN[stage]
    if not inspect.isclass(target):
        if stage == "track":
            raise BadInputError(f"{where}: a linker is a class with link(columns), state() and resume(state)")
        needs, settings = _split(where, [target], known, step.settings)
        return ResolvedStep(_bound(target, settings[0]), needs[0], metadata, source, None)
    method = "link" if stage == "track" else "__call__"
    for name in (method, "state", "resume") if stage == "track" else (method,):
        if not callable(getattr(target, name, None)):
            raise BadInputError(f"{where}: the class has no method {name}")
    needs, settings = _split(where, [target, _unbound(target, method)], known, step.settings)
    try:
        owner = target(**settings[0])
    except (Exception, SystemExit) as error:  # the border to code of others
        raise BadInputError(f"{where}: it can't be made: {type(error).__name__}: {error}") from error
    if stage == "track":
        _check_linker(where, owner)
    return ResolvedStep(_bound(getattr(owner, method), settings[1]), needs[1], metadata, source, owner)


def link_state(told: Any) -> dict[str, NDArray[Any]]:
    """Return what a linker's `state()` told, as arrays of their own: they go to other processes, and to disk.

    Raises
    ------
    BadInputError
        If it holds something else than numbers and arrays of numbers by name.

    Examples
    --------
    >>> link_state({"next_number": 3})
    {'next_number': array(3)}
    >>> link_state({"last": None})
    Traceback (most recent call last):
    parfocal.core.errors.BadInputError: state() of a linker returns numbers and arrays; 'last' is NoneType
    """
    if not isinstance(told, Mapping):
        raise BadInputError(
            f"state() of a linker returns numbers and arrays by name, not {type(told).__name__}"
        )
    return {str(name): _copied(name, value) for name, value in told.items()}


def _copied(name: Any, value: Any) -> NDArray[Any]:
    """Return a number, or an array of numbers, as an array of its own."""
    try:
        copied = np.array(value)
    except ValueError:  # rows of different lengths
        copied = np.array(None)
    if copied.dtype.kind not in "biuf":
        kind = type(value).__name__
        raise BadInputError(f"state() of a linker returns numbers and arrays; {name!r} is {kind}")
    return copied


def _check_linker(where: str, owner: Any) -> None:
    """Refuse a linker that can't tell what it remembers."""
    try:
        link_state(owner.state())
    except BadInputError as error:
        raise BadInputError(f"{where}: {error}") from None
    except (Exception, SystemExit) as error:  # the border to code of others
        raise BadInputError(f"{where}: its state() raised {type(error).__name__}: {error}") from error


def _unbound(kind: type, method: str) -> Callable[..., Any]:
    """Return a method as a callable whose signature lacks `self`."""
    signature = inspect.signature(getattr(kind, method))
    parameters = list(signature.parameters.values())[1:]

    def call() -> None: ...

    call.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return call


def _split(
    where: str, callables: list[Callable[..., Any]], known: Iterable[str], given: Mapping[str, Any]
) -> tuple[list[tuple[str, ...]], list[dict[str, Any]]]:
    """Return for each callable which of the known names it needs, and which of the settings it takes.

    A class is made with settings alone; the last one of the callables is given what is known.
    """
    needs: list[tuple[str, ...]] = []
    settings: list[dict[str, Any]] = []
    takes: dict[str, inspect.Parameter] = {}
    for call in callables:
        parameters = _parameters(where, call)
        offered = known if call is callables[-1] else ()
        needs.append(tuple(name for name in parameters if name in offered))
        own = {name: one for name, one in parameters.items() if name not in offered}
        takes |= own
        settings.append({name: given[name] for name in own if name in given})
    for name in given:
        if name not in takes:
            raise BadInputError(f"{where}: it takes no setting {name!r}; {nearest(name, takes)}")
        check_setting(where, takes[name], given[name])
    for name, parameter in takes.items():
        if name not in given and parameter.default is inspect.Parameter.empty:
            raise BadInputError(
                f"{where}: {name!r} is nothing that a step is given here, nor has it a default; "
                f"{nearest(name, known)}; or give it in settings"
            )
    return needs, settings


def _parameters(where: str, call: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    try:
        parameters = inspect.signature(call).parameters
    except (TypeError, ValueError) as error:
        raise BadInputError(
            f"{where}: its parameters are not known: {error}; wrap it in a function"
        ) from None
    for name, one in parameters.items():
        if one.kind is inspect.Parameter.POSITIONAL_ONLY:
            raise BadInputError(f"{where}: parameter {name!r} can't be given by name; wrap it in a function")
    starred = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {name: one for name, one in parameters.items() if one.kind not in starred}


def _bound(call: Callable[..., Any], settings: Mapping[str, Any]) -> Callable[..., Any]:
    def run(**inputs: Any) -> Any:
        return call(**inputs, **settings)

    return run


def _source_of(target: Any) -> str:
    """Return the SHA-256 of the source of the module that defines it; "" for one without a source."""
    module = inspect.getmodule(target)
    if module is None or getattr(module, "__file__", None) is None:
        return ""
    path = inspect.getsourcefile(module)
    return "" if path is None else hashlib.sha256(Path(path).read_bytes()).hexdigest()
