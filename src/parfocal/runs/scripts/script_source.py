"""A script as it stood when it was started: its text, and the modules beside its file that it imports."""

from __future__ import annotations

import ast
import hashlib
import sys
from pathlib import Path

import msgspec

from parfocal.core.errors import BadInputError


class ScriptSource(msgspec.Struct, frozen=True):
    """A script: where its file is, what stood in it, and in each module beside it that it imports.

    Attributes
    ----------
    path : str
        Of the file, absolute.
    text : str
        What stood in it.
    helpers : dict of str to str
        The same of modules beside it, by their paths from its folder on.
    """

    path: str
    text: str
    helpers: dict[str, str] = {}

    @property
    def name(self) -> str:
        """The name of its file."""
        return Path(self.path).name

    @property
    def folder(self) -> str:
        """Where its file is, and where its helpers are found."""
        return str(Path(self.path).parent)

    def hashes(self) -> dict[str, str]:
        """Return the SHA-256 of each text, by name."""
        texts = {self.name: self.text, **self.helpers}
        return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}


def read_script(path: str | Path) -> ScriptSource:
    """Return what a file holds, and the modules beside it that it imports, and those that they import.

    Raises
    ------
    BadInputError
        If it can't be read as text; names it.
    """
    file = Path(path).absolute()
    return script_of(file, _read(file))


def script_of(file: Path, text: str) -> ScriptSource:
    """Return a script with this text, as if it stood in `file` (absolute), with the modules beside that.

    Raises
    ------
    BadInputError
        If a module beside it can't be read as text; names it.
    """
    helpers: dict[str, str] = {}
    left = [text]
    while left:
        for name in _imported(left.pop()):
            for helper in _files_of(file.parent, name):
                relative = helper.relative_to(file.parent).as_posix()
                if helper != file and relative not in helpers:
                    helpers[relative] = _read(helper)
                    left.append(helpers[relative])
    return ScriptSource(str(file), text, helpers)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")  # some editors begin a file with a mark
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"the script {file} can't be read: {error}") from error


def _imported(text: str) -> list[str]:
    """Return the full names of modules that a text imports; none if it is no Python."""
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


def _files_of(folder: Path, name: str) -> list[Path]:
    """Return the files below `folder` that an import of `name` reads, its packages included.

    Python's own modules go before those of the folder.
    """
    if name.partition(".")[0] in sys.stdlib_module_names:
        return []
    found, at = [], folder
    for part in name.split("."):
        found += [file for file in (at / f"{part}.py", at / part / "__init__.py") if file.is_file()]
        at = at / part
    return found
