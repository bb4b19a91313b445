"""A script while it is edited. Pure."""

from __future__ import annotations

import hashlib

import msgspec

NEW_TEXT = """def main(lab):
    lab.step("the first step", of=1)
    lab.log(f"services: {', '.join(lab.services)}")
"""


class ScriptDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A script as it is edited.

    Attributes
    ----------
    text : str
        What stands in it.
    path : str
        The file that it was read from or saved to; "" for none.
    saved : str
        Tells what that file holds, as far as is known.
    """

    text: str = NEW_TEXT
    path: str = ""
    saved: str = ""

    @property
    def is_saved(self) -> bool:
        """Whether its file holds it as it is."""
        return bool(self.path) and self.saved == text_hash(self.text)

    @property
    def is_lost_if_dropped(self) -> bool:
        """Whether there is something in it that no file has."""
        return not self.is_saved and self.text not in ("", NEW_TEXT)


def text_hash(text: str) -> str:
    """Return what tells a text from others."""
    return hashlib.sha256(text.encode()).hexdigest()
