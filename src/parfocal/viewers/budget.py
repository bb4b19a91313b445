"""How many bytes a viewer may hold, and how many it holds. Pure."""

from __future__ import annotations

from parfocal.core.errors import ViewerError


class Budget:
    """Counts the bytes of images and annotations against a limit.

    Examples
    --------
    >>> budget = Budget(100)
    >>> budget.take(50)
    >>> budget.take(60)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    parfocal.core.errors.ViewerError: the viewer holds 50 bytes of images; 60 more would pass its budget ...
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.used_bytes = 0

    def fits(self, nbytes: int) -> bool:
        """Return whether so many bytes more fit."""
        return self.used_bytes + nbytes <= self.limit_bytes

    def take(self, nbytes: int) -> None:
        """Count bytes more, or less if negative.

        Raises
        ------
        ViewerError
            If they do not fit; none is counted then.
        """
        if nbytes > 0 and not self.fits(nbytes):
            raise ViewerError(
                f"the viewer holds {self.used_bytes} bytes of images; {nbytes} more would pass its budget of "
                f"{self.limit_bytes}: remove a layer, or open it with a larger budget_mb"
            )
        self.used_bytes += nbytes
