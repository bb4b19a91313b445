"""Settings of Micro-Manager's dialog for multi-dimensional acquisition, as it saves them, made into plans.

The dialog writes its ``SequenceSettings`` as JSON, and the list of positions into a file of its own. What the
fields mean is said where Micro-Manager 2 declares them:
https://github.com/micro-manager/micro-manager, ``org.micromanager.acquisition.SequenceSettings``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from parfocal.core.errors import BadInputError, reason_of
from parfocal.runs.plans.fields import check_known, listed, number
from parfocal.runs.plans.micromanager_positions import positions_of
from parfocal.runs.plans.sequence import Sequence

_ORDERS = ("tpzc", "tpcz", "ptzc", "ptcz")
"""By the number that ``acqOrderMode`` has."""
_NEEDED = ("numFrames", "intervalMs", "useFrames", "useChannels", "useSlices", "acqOrderMode")
_USED = (
    *_NEEDED, "channels", "slices", "relativeZSlice", "sliceZStepUm", "sliceZBottomUm", "sliceZTopUm",
    "useCustomIntervals", "usePositionList", "useAutofocus", "skipAutofocusCount", "comment",
    "keepShutterOpenSlices", "keepShutterOpenChannels",
)  # fmt: skip
_ASIDE = (
    "version", "displayTimeUnit", "customIntervalsMs", "slicesFirst", "timeFirst", "save", "saveMode", "root",
    "prefix", "zReference", "channelGroup", "cameraTimeout", "shouldDisplayImages", "isTestAcquisition",
)  # fmt: skip
"""Of the display, of where it is saved, or of what other fields switch on."""
_CHANNEL = ("doZStack", "config", "exposure", "zOffset", "color", "skipFactorFrame", "useChannel", "camera")
_REFUSED = {
    "useCustomIntervals": "write the phases of time_plan",
    "keepShutterOpenSlices": "the light is off between exposures: switch it off",
    "keepShutterOpenChannels": "the light is off between exposures: switch it off",
}


def is_micromanager_data(data: Any) -> bool:
    """Tell whether the data of a file are settings of that dialog."""
    return isinstance(data, Mapping) and "acqOrderMode" in data and "numFrames" in data


def plan_from_micromanager(
    settings: Mapping[str, Any] | str | Path,
    *,
    positions: str | Path | None = None,
    autofocus: Mapping[str, Any] | None = None,
) -> Sequence:
    """Return the plan that saved settings of Micro-Manager's dialog describe.

    Parameters
    ----------
    settings : mapping, str or Path
        What it has saved, or the file.
    positions : str or Path, optional
        The file of its position list, which the settings do not hold.
    autofocus : mapping, optional
        How far its autofocus looks, which they do not say: as `Sequence` takes it.

    Raises
    ------
    BadInputError
        Naming the field that cannot be done here, its value, and what to do.

    Examples
    --------
    >>> saved = {
    ...     "numFrames": 3,
    ...     "intervalMs": 500.0,
    ...     "useFrames": True,
    ...     "useChannels": True,
    ...     "useSlices": False,
    ... }
    >>> saved |= {"acqOrderMode": 1, "channels": [{"config": "nucleus", "exposure": 20.0}]}
    >>> [(event.channel, event.min_start_time) for event in plan_from_micromanager(saved)]
    [('nucleus', 0.0), ('nucleus', 0.5), ('nucleus', 1.0)]
    """
    data = settings if isinstance(settings, Mapping) else _read(settings)
    _check(data)
    slices = _slices(data) if data["useSlices"] else None
    is_relative = bool(data.get("relativeZSlice", True))
    return Sequence(
        time_plan=_times(data) if data["useFrames"] else (),
        stage_positions=_places(data, positions),
        channels=_channels(data, len(slices or (0,))) if data["useChannels"] else (),
        z_plan=None if slices is None else {"relative" if is_relative else "absolute": slices},
        axis_order=_order(data),
        autofocus=_autofocus(data, autofocus),
        metadata={"comment": data["comment"]} if data.get("comment") else {},
    )


def _read(file: str | Path) -> Mapping[str, Any]:
    try:
        data = json.loads(Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInputError(f"{file} cannot be read: {reason_of(error)}") from error
    if not isinstance(data, Mapping):
        raise BadInputError(f"{file} holds no settings of Micro-Manager: expected a mapping, got {data!r}")
    return data


def _check(data: Mapping[str, Any]) -> None:
    check_known(data, (*_USED, *_ASIDE), "settings of Micro-Manager")
    for name in _NEEDED:
        if name not in data:
            raise BadInputError(
                f"{name} is missing: an older Micro-Manager wrote this; save the settings with a newer one"
            )
    for name, instead in _REFUSED.items():
        if data.get(name):
            raise BadInputError(f"{name}: {data[name]!r} of Micro-Manager cannot be done here; {instead}")


def _times(data: Mapping[str, Any]) -> dict[str, Any]:
    interval_ms = number(data["intervalMs"], "intervalMs", least=0)
    return {"interval": interval_ms * 1e-3, "loops": data["numFrames"]}


def _places(data: Mapping[str, Any], file: str | Path | None) -> list[dict[str, Any]]:
    if not data.get("usePositionList"):
        return []
    if file is None:
        raise BadInputError(
            "usePositionList: the positions lie in a file of their own: plan_from_micromanager(settings, "
            "positions='positions.pos')"
        )
    return positions_of(_read(file), str(file))


def _slices(data: Mapping[str, Any]) -> list[float]:
    """Return the heights that it lists, or those from one end to the other."""
    if slices := listed(data.get("slices", ()), "slices"):
        return [number(one, f"slices[{place}]") for place, one in enumerate(slices)]
    names = ("sliceZBottomUm", "sliceZTopUm", "sliceZStepUm")
    bottom, top, step = (number(data.get(name), name) for name in names)
    if step == 0:
        raise BadInputError("sliceZStepUm must not be 0")
    count = math.floor(round(abs((top - bottom) / step), 6)) + 1
    return [bottom + place * math.copysign(step, top - bottom) for place in range(count)]


def _channels(data: Mapping[str, Any], planes: int) -> list[dict[str, Any]]:
    found = []
    for place, channel in enumerate(listed(data.get("channels", ()), "channels")):
        where = f"channels[{place}]"
        check_known(channel, _CHANNEL, where)
        if not channel.get("useChannel", True):
            continue
        if channel.get("camera"):
            raise BadInputError(
                f"{where}.camera: {channel['camera']!r}: choose the camera in the rig file, [runs] camera"
            )
        do_stack = channel.get("doZStack", True)
        if not do_stack and planes % 2 == 0:
            raise BadInputError(
                f"{where}.doZStack: of {planes} planes none is in the middle: take an odd number of them"
            )
        found.append(
            {
                "config": channel.get("config", ""),
                "exposure": channel.get("exposure"),
                "z_offset": channel.get("zOffset", 0.0),
                "do_stack": do_stack,
                "acquire_every": channel.get("skipFactorFrame", 0) + 1,
            }
        )
    return found


def _order(data: Mapping[str, Any]) -> str:
    mode = data["acqOrderMode"]
    if mode not in range(len(_ORDERS)):
        raise BadInputError(f"acqOrderMode is 0 to {len(_ORDERS) - 1}, not {mode!r}")
    return _ORDERS[mode]


def _autofocus(data: Mapping[str, Any], how: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not data.get("useAutofocus"):
        if how is not None:
            raise BadInputError(f"autofocus: {dict(how)!r} is given, and the settings do not use it")
        return None
    if how is None:
        raise BadInputError(
            "useAutofocus: Micro-Manager does not save how far it looks: plan_from_micromanager(settings, "
            "autofocus={'range': 20, 'step': 2}), in um"
        )
    if data.get("skipAutofocusCount") and "frames" not in how:
        raise BadInputError(
            f"skipAutofocusCount: {data['skipAutofocusCount']!r} has not the same meaning in all versions of "
            "Micro-Manager: say when by autofocus={'frames': 'every 5', ...}"
        )
    return dict(how)
