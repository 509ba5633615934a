"""A report as HTML and as PDF: one shape of data, a template for each."""

import datetime as dt
from collections.abc import Callable
from importlib.resources import files
from zoneinfo import ZoneInfo

from jinja2 import DictLoader, Environment, StrictUndefined

from dualspan_analytics.reports.charts import bars_svg
from dualspan_analytics.reports.model import (
    Bars,
    Block,
    Document,
    Format,
    Language,
    Note,
    Phrase,
    Span,
    Table,
    Text,
    say,
)
from dualspan_analytics.reports.words import PERIODS, SECTIONS, speaker
from dualspan_documents import Block as ShownBlock
from dualspan_documents import Shape, to_pdf

_TEMPLATES = files("dualspan_analytics.reports") / "templates"
# Autoescaping is on for everything: names of assets and alarms are whatever somebody typed.
_ENVIRONMENT = Environment(
    loader=DictLoader({"report.html": (_TEMPLATES / "report.html").read_text()}),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(document: Document, language: Language, form: Format) -> bytes:
    """A report as a file."""
    shape = _shape(document, language)
    if form is Format.HTML:
        return _ENVIRONMENT.get_template("report.html").render(**shape).encode()
    return to_pdf(shape, dt.datetime.fromtimestamp(document.made_us // 1_000_000, dt.UTC))


def file_name(report_id: str, document_span: Span, language: Language, form: Format) -> str:
    """A name for a file, such as `daily-20261122T160000Z-zh.pdf`."""
    begin = dt.datetime.fromtimestamp(document_span.start_us // 1_000_000, dt.UTC)
    ending = "html" if form is Format.HTML else "pdf"
    return f"{report_id}-{begin:%Y%m%dT%H%M%SZ}-{language.name.lower()}.{ending}"


def _shape(document: Document, language: Language) -> Shape:
    words = speaker(language)
    zone = ZoneInfo(document.time_zone)
    kind = words(Phrase(PERIODS[document.period]))
    return {
        "language": language.code,
        "title": document.title or kind,
        "kind": kind,
        "facts": [
            (words(say("period")), _span(document.span, zone)),
            (words(say("scope")), ", ".join(document.scope) or words(say("everything"))),
            (words(say("made")), f"{_local(document.made_us, zone):%Y-%m-%d %H:%M}"),
        ],
        "zone": words(say("zone", zone=document.time_zone)),
        "sections": [
            {"title": words(Phrase(SECTIONS[each.kind])), "blocks": [_block(block, words) for block in each.blocks]}
            for each in document.sections
        ],
    }


def _block(block: Block, words: Callable[[Text], str]) -> ShownBlock:
    match block:
        case Table():
            columns = [words(column) for column in block.columns]
            rows = [[words(cell) for cell in row] for row in block.rows]
            return {"kind": "table", "columns": columns, "rows": rows, "texts": block.texts}
        case Bars():
            return {"kind": "chart", "svg": bars_svg(block, words)}
        case Note():
            return {"kind": "note", "text": words(block.text), "warning": block.is_warning}


def _span(span: Span, zone: ZoneInfo) -> str:
    begin, end = _local(span.start_us, zone), _local(span.end_us, zone)
    shown = f"{begin:%Y-%m-%d %H:%M} – {end:%Y-%m-%d %H:%M}"
    return f"{shown} ({span.title})" if span.title else shown


def _local(time_us: int, zone: ZoneInfo) -> dt.datetime:
    return dt.datetime.fromtimestamp(time_us // 1_000_000, zone)
