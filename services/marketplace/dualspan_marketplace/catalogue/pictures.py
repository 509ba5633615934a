"""Pictures of apps: known kinds, bounded, and nothing in them that runs."""

import re

from dualspan_marketplace.catalogue.model import Picture

MAX_PICTURE = 512 * 1024
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
)
# An SVG is a document: whatever runs, loads or leads elsewhere has no place in an icon.
_ACTIVE = re.compile(
    rb"<\s*(?:script|foreignobject|iframe|embed|object|image|use|a|style|animate|set)\b"
    rb"|\bon[a-z]+\s*=|href|url\s*\(|<!|<\?(?!xml )|&#",
    re.IGNORECASE,
)


def read_picture(path: str, content: bytes) -> tuple[Picture | None, str]:
    """The picture of a file, or what is wrong with it.

    Args:
        path: As the manifest names it.
        content: The file.
    """
    if len(content) > MAX_PICTURE:
        return None, f"{path} has {len(content) // 1024} KiB, more than {MAX_PICTURE // 1024}."
    kind = _kind(content)
    if kind == "image/svg+xml" and _ACTIVE.search(content):
        return None, f"{path} has scripts, links, styles or references. Save it as plain SVG, or as PNG."
    if not kind:
        return None, f"{path} is no PNG, JPEG, WebP or SVG."
    return Picture(path, kind, content), ""


def _kind(content: bytes) -> str:
    known = next((kind for magic, kind in _MAGIC if content.startswith(magic)), "")
    if known:
        return known
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return "image/svg+xml" if re.match(rb"\s*(?:<\?xml [^>]{0,200}\?>\s*)?<svg\b", content) else ""
