"""Components of an image that its file's name tells: well, site, channel, z, t. Pure."""

from __future__ import annotations

import re

_WELL = re.compile(r"(?:^|[_\-. ])(?:well)?([A-P]|A[A-F])(\d{1,2})(?=[_\-. ]|$|f\d|s\d)")
_NUMBERED = {
    "site": re.compile(
        r"(?:^|[_\-. \d])(?:site|position|pos|fov|field|[sfp])_?(\d+)(?=[_\-. ]|$|[a-z]+\d)", re.I
    ),
    "channel": re.compile(r"(?:^|[_\-. \d])(?:channel|chan|ch|[cw])_?(\d+)(?=[_\-. ]|$|[a-z]+\d)", re.I),
    "z": re.compile(r"(?:^|[_\-. \d])(?:zplane|plane|z)_?(\d+)(?=[_\-. ]|$|[a-z]+\d)", re.I),
    "t": re.compile(r"(?:^|[_\-. \d])(?:timepoint|time|frame|t)_?(\d+)(?=[_\-. ]|$|[a-z]+\d)", re.I),
}
_STAINS = re.compile(
    r"(?:^|[_\-. ])(DAPI|GFP|RFP|YFP|CFP|BFP|mCherry|Cy[357]|FITC|TRITC|BF|DIC|Phase|Hoechst)(?=[_\-. ]|$)",
    re.I,
)


def components_of(name: str) -> dict[str, str]:
    """Return what a file's name, without its suffix, tells of its place; numbers without leading zeros.

    Examples
    --------
    >>> components_of("exp1_B03_s2_w1_z04_t0012")
    {'well': 'B03', 'site': '2', 'channel': '1', 'z': '4', 't': '12'}
    >>> components_of("img_channel001_position002_time000000003_z000")
    {'site': '2', 'channel': '1', 'z': '0', 't': '3'}
    >>> components_of("A01f02_DAPI")
    {'well': 'A01', 'site': '2', 'channel': 'DAPI'}
    >>> components_of("beads_in_water")
    {}
    """
    found = {}
    well = _WELL.search(name)
    if well is not None:
        found["well"] = well_name(well[1] + well[2])
        name = name[: well.start(1)] + name[well.end(2) :]
    for component, pattern in _NUMBERED.items():
        number = pattern.search(name)
        if number is not None:
            found[component] = str(int(number[1]))
    stain = _STAINS.search(name)
    if stain is not None:
        found["channel"] = stain[1]
    order = ("well", "site", "channel", "z", "t")
    return {component: found[component] for component in order if component in found}


def well_name(well: str) -> str:
    """Return a well in the usual spelling, with two digits; what is no well stays as it is.

    Examples
    --------
    >>> well_name("b3"), well_name("A12"), well_name("left")
    ('B03', 'A12', 'left')
    """
    match = re.fullmatch(r"([A-Za-z]{1,2})0*(\d{1,2})", well)
    return well if match is None else f"{match[1].upper()}{int(match[2]):02d}"
