"""Reports as files: everything in them, nothing that runs, Chinese with glyphs."""

from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualspan_analytics.reports import words as words_module
from dualspan_analytics.reports.charts import bars_svg
from dualspan_analytics.reports.model import (
    Bars,
    Document,
    Format,
    Language,
    Note,
    Period,
    Section,
    SectionKind,
    Span,
    Table,
    number,
    percent,
    say,
)
from dualspan_analytics.reports.rendering import render
from dualspan_analytics.reports.words import keys, speaker

HOSTILE = '<script>alert(1)</script> #read("/etc/passwd") $x$ "\\\x07\x00'
START = 1_790_000_000_000_000


def document(name: str = "注塑机一号", title: str = "武汉工厂") -> Document:
    bars = Bars(say("oee-by-machine"), (name, "imm02"), (87.5, float("nan")), "%", 100.0)
    table = Table((say("machine"), say("oee-short")), ((name, percent(0.875)), ("imm02", number(float("nan")))))
    note = Note(say("skipped", machines="压缩机"), is_warning=True)
    sections = (
        Section(SectionKind.OEE, (bars, table, note)),
        Section(SectionKind.ENERGY, (Note(say("no-data", why="nothing is metered.")),)),
    )
    span = Span(START, START + 8 * 3_600_000_000, "早班")
    return Document(title, "acme", Period.SHIFT, span, ("一车间",), "Asia/Shanghai", START, sections)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]
        assert not [name for name, _ in attrs if name.startswith("on")]


def pdf_text(content: bytes) -> str:
    pdf = pypdfium2.PdfDocument(content)
    try:
        return "\n".join(page.get_textpage().get_text_range() for page in pdf)
    finally:
        pdf.close()


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (Language.ZH, ["班次报告", "武汉工厂", "设备综合效率", "注塑机一号", "87.5 %", "一车间", "早班", "未计入"]),
        (Language.EN, ["Shift report", "武汉工厂", "Overall equipment effectiveness", "注塑机一号", "Left out"]),
    ],
)
def test_both_forms_say_the_same(language: Language, expected: list[str]) -> None:
    html = render(document(), language, Format.HTML).decode()
    text = pdf_text(render(document(), language, Format.PDF)).replace("\r\n", "\n")
    for words in expected:
        assert words in html
        assert words.replace(" ", "") in text.replace(" ", "").replace("\n", "")


def test_html_is_self_contained_and_runs_nothing() -> None:
    html = render(document(HOSTILE, HOSTILE), Language.EN, Format.HTML).decode()
    parser = Tags()
    parser.feed(html)
    assert {"svg", "rect", "table"} <= parser.tags
    assert "script" not in parser.tags
    assert parser.links == []
    assert "default-src 'none'" in html


def test_what_people_typed_is_text_in_the_pdf() -> None:
    text = pdf_text(render(document(HOSTILE, HOSTILE), Language.EN, Format.PDF))
    assert '#read("/etc/passwd") $x$' in text
    assert "root:" not in text


def test_the_glyphs_are_in_the_pdf() -> None:
    content = render(document(), Language.ZH, Format.PDF)
    assert b"FontFile" in content or b"/FontFile" in content or b"NotoSansCJK" in content
    pdf = pypdfium2.PdfDocument(content)
    try:
        page = pdf[0]
        missing = render(document("\ue000\ue001\ue002\ue003\ue004", "\ue000\ue001"), Language.ZH, Format.PDF)
        assert ink(page) > 0
        other = pypdfium2.PdfDocument(missing)
        try:
            assert ink(page) != ink(other[0])
        finally:
            other.close()
    finally:
        pdf.close()


def ink(page: pypdfium2.PdfPage) -> int:
    """Dark pixels where the title stands."""
    picture = page.render(scale=2).to_numpy()
    return int((picture[: picture.shape[0] // 8] < 128).sum())


def test_every_word_is_there_in_both_languages() -> None:
    english, chinese = speaker(Language.EN), speaker(Language.ZH)
    for key in keys():
        words = words_module._WORDS[key]
        assert all(words), key
        assert words[0].count("{") == words[1].count("{"), key
    assert english("as it is") == chinese("as it is") == "as it is"
    assert chinese(say("doubtful", what=say("total"), why="x")) == "合计：x"


@given(st.lists(st.tuples(st.text(max_size=40), st.floats(allow_nan=True, allow_infinity=True)), max_size=12))
@settings(max_examples=60, deadline=None)
def test_a_chart_of_anything_is_well_formed(rows: list[tuple[str, float]]) -> None:
    bars = Bars("t\x01", tuple(label for label, _ in rows), tuple(value for _, value in rows), "h")
    svg = ET.fromstring(bars_svg(bars, speaker(Language.EN)))
    widths = [float(rect.get("width", "0")) for rect in svg.iter("{http://www.w3.org/2000/svg}rect")]
    assert all(0 <= width <= 640 for width in widths)
    assert len(widths) == 2 * len(rows)
