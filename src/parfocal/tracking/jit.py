"""How kernels are compiled: without the GIL, cached on disk, single precision with free reordering of sums."""

from __future__ import annotations

import numba as nb

kernel = nb.njit(nogil=True, cache=True, fastmath=True, error_model="numpy")
"""For inner loops over pixels, which must vectorise. No NaN may reach them: `fastmath` assumes there is none."""

driver = nb.njit(nogil=True, cache=True, error_model="numpy")
"""For what steers them, with strict floating point."""
