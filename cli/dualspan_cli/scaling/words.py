"""Amounts as people read them."""


def amount(size: float) -> str:
    """Bytes with a unit of thousands."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.3g} PB"
