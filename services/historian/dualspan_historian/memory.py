"""The C library's allocator, told that large arrays come and go."""

import ctypes

_MEBIBYTE = 1 << 20
# glibc's malloc.h. By default arrays of a few hundred KiB are mapped and unmapped each time, or the heap's top is given
# back, and the next query pays a page fault per 4 KiB again: half of the time of a query of a day.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3


def keep_freed_memory() -> None:
    """Keep up to 128 MiB of freed memory per arena for the next array; does nothing where there is no glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    mallopt(_M_MMAP_THRESHOLD, 32 * _MEBIBYTE)
    mallopt(_M_TRIM_THRESHOLD, 128 * _MEBIBYTE)
    mallopt(_M_TOP_PAD, 8 * _MEBIBYTE)
