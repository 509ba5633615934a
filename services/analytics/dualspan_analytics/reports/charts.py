"""Charts as SVG: the same picture in HTML and in PDF, without a script."""

import math
from collections.abc import Callable
from html import escape

from dualspan_analytics.reports.model import Bars, Text, number

_WIDTH, _ROW, _TOP = 640, 24, 30
_LABEL, _VALUE = 190, 84
_FONT = "'Noto Sans CJK SC', 'Noto Sans SC', 'Microsoft YaHei', 'PingFang SC', sans-serif"
_LONGEST_LABEL = 26
_BAR, _TRACK, _INK, _FAINT = "#2563eb", "#e5e7eb", "#111827", "#6b7280"


def bars_svg(bars: Bars, words: Callable[[Text], str]) -> str:
    """A horizontal bar for each value.

    Args:
        bars: What to draw.
        words: Text in the language of the report.
    """
    height = _TOP + _ROW * len(bars.labels) + 4
    most = bars.most or max((value for value in bars.values if math.isfinite(value)), default=0.0)
    title = escape(_clean(words(bars.title)))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{title}">',
        f'<g font-family="{escape(_FONT)}" font-size="12" fill="{_INK}">',
        f'<text x="0" y="16" font-size="13" font-weight="600">{title}</text>',
    ]
    for place, (label, value) in enumerate(zip(bars.labels, bars.values, strict=True)):
        parts.append(_bar(place, _short(_clean(words(label))), value, most, bars.unit))
    return "".join([*parts, "</g></svg>"])


def _bar(place: int, label: str, value: float, most: float, unit: str) -> str:
    top, room = _TOP + place * _ROW, _WIDTH - _LABEL - _VALUE
    share = min(max(value / most, 0.0), 1.0) if most > 0 and math.isfinite(value) else 0.0
    shown = f"{number(value)} {unit}".strip() if math.isfinite(value) else "—"
    return (
        f'<text x="{_LABEL - 8}" y="{top + 13}" text-anchor="end">{escape(label)}</text>'
        f'<rect x="{_LABEL}" y="{top + 2}" width="{room}" height="14" rx="2" fill="{_TRACK}"/>'
        f'<rect x="{_LABEL}" y="{top + 2}" width="{room * share:.1f}" height="14" rx="2" fill="{_BAR}"/>'
        f'<text x="{_WIDTH - _VALUE + 8}" y="{top + 13}" fill="{_FAINT}">{escape(shown)}</text>'
    )


def _clean(label: str) -> str:
    """What XML can hold: names have whatever somebody typed."""
    return "".join(character if character.isprintable() else " " for character in label)


def _short(label: str) -> str:
    """A label that fits before its bar; characters of Chinese are twice as wide as others."""
    width = 0
    for place, character in enumerate(label):
        width += 2 if ord(character) > 0x2E7F else 1
        if width > _LONGEST_LABEL:
            return label[:place] + "…"
    return label
