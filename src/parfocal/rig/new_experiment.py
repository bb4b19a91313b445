"""The folder of an experiment to begin with: rig, plan, pipeline, steps, versions, and a test on the twin."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from parfocal.core.errors import BadInputError
from parfocal.core.files import create_file
from parfocal.rig.requirements import pinned
from parfocal.rig.template import rig_name

_TEMPLATE = ".template"
"""Ending of Python files here, which are no modules of parfocal."""
_TWIN = "builtin/optogenetics.toml"
_OWN = "# Your microscope; as it stands, the simulated one of twin.toml: replace its devices by your own.\n"


def write_experiment(folder: Path) -> dict[str, Path]:
    """Write the files of an experiment into a new or an empty folder; return them by name.

    Raises
    ------
    BadInputError
        If there is something in the folder already, the one that it would lie in is not there, or no rig can
        be called like it. Nothing is written.
    OSError
        If a file can't be written, on a full disk: none is left.
    """
    name = rig_name(folder.absolute().name)
    if not name:
        raise BadInputError(f"{folder} names no experiment: write a name that begins with a letter of a to z")
    if not folder.absolute().parent.is_dir():
        raise BadInputError(f"there is no folder {folder.absolute().parent} for {folder}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInputError(f"there is something in {folder} already; choose another name")
    contents, was_there = _contents(name), folder.exists()
    folder.mkdir(exist_ok=True)
    files = {file: folder / file for file in contents}
    try:
        for file, text in contents.items():
            create_file(files[file], text.encode())
    except OSError:
        for path in files.values():
            path.unlink(missing_ok=True)
        if not was_there:
            folder.rmdir()
        raise
    return files


def _contents(name: str) -> dict[str, str]:
    """Return the text of each file, for an experiment of a name."""
    ours = resources.files("parfocal.rig")
    texts = {
        file.name.removesuffix(_TEMPLATE): file.read_text(encoding="utf-8")
        for file in ours.joinpath("experiment").iterdir()
        if file.is_file()
    }
    texts["README.md"] = texts["README.md"].replace("EXPERIMENT", name)
    _, _, twin = ours.joinpath(_TWIN).read_text(encoding="utf-8").partition("\n")
    texts["twin.toml"] = "# The simulated microscope on which the test runs.\n" + twin
    texts["rig.toml"] = _OWN + twin.replace('name = "optogenetics"', f'name = "{name}"', 1)
    texts["requirements.txt"] = "".join(f"{line}\n" for line in pinned("parfocal", ["cells"]))
    return texts
