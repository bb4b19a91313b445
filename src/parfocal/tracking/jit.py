"""How kernels are compiled: without the GIL, cached on disk, sums in any order."""

from __future__ import annotations

from parfocal.core.compiled import keep_compiled_code

keep_compiled_code()

import numba as nb  # noqa: E402 (it looks for its cache when it is imported)

kernel = nb.njit(nogil=True, cache=True, fastmath=True, error_model="numpy")
"""For inner loops over pixels, which must vectorise; they assume that there is no NaN."""

driver = nb.njit(nogil=True, cache=True, error_model="numpy")
"""For what steers them, with strict floating point."""
