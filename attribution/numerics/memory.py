"""Memory that is freed and wanted again at once."""

from __future__ import annotations

import numpy as np

__all__ = ["keep_freed_memory"]

_LARGEST = 31 << 20  # the C library learns from blocks of up to 32 MiB


def keep_freed_memory() -> None:
    """Let the C library keep up to 62 MiB of freed memory for the next array.

    By default glibc takes arrays above 128 KiB from the system and gives them back when they are
    freed, so every temporary array costs a page fault for each 4 KiB: more than the arithmetic on
    it. It raises that limit to the size of the largest such block it has seen freed (mallopt(3),
    M_MMAP_THRESHOLD). Other C libraries are not changed by this.
    """
    np.empty(_LARGEST, np.uint8)
