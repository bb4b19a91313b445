"""A script looked at in a thread, against the commands that the rig has told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from parfocal.app.desktop.script_editor.script_draft import ScriptDraft
from parfocal.rig.scripts import check_script
from parfocal.runs.scripts.check import ScriptCheck
from parfocal.runs.scripts.script_source import ScriptSource, script_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parfocal.ipc import CommandInfo

UNTITLED = "untitled.py"


class CheckedScript(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in a script.

    Attributes
    ----------
    draft : ScriptDraft
        What was looked at.
    source : ScriptSource
        The same with the modules beside its file.
    check : ScriptCheck
        What is wrong with it, and which services it changes.
    """

    draft: ScriptDraft
    source: ScriptSource
    check: ScriptCheck

    @property
    def problems(self) -> dict[int, str]:
        """What is wrong, by line."""
        found: dict[int, str] = {}
        for problem in self.check.problems:
            before = found.get(problem.line)
            found[problem.line] = f"{before}\n{problem.message}" if before else problem.message
        return found


def checked_script(
    draft: ScriptDraft, services: Mapping[str, tuple[CommandInfo, ...]], folder: Path
) -> CheckedScript:
    """Check a script as `parfocal script check` does; one that is in no file stands in `folder` for that."""
    source = script_of(Path(draft.path) if draft.path else folder / UNTITLED, draft.text)
    return CheckedScript(draft=draft, source=source, check=check_script(source, services))
