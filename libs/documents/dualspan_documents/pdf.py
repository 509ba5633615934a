"""A document as PDF."""

import datetime as dt
import functools
import json
from importlib.resources import files
from pathlib import Path

import noto_cjk_sans_otc
import typst

from dualspan_documents.shape import Shape

_TEMPLATE = (files("dualspan_documents") / "templates" / "document.typ").read_bytes()


def to_pdf(shape: Shape, made: dt.datetime) -> bytes:
    """Sets a document; the same one at the same time gives the same bytes.

    Args:
        shape: Words of its language. The template reads data and never code, and reaches no file and no package.
        made: The time that the file carries.
    """
    return typst.compile(
        _TEMPLATE,
        sys_inputs={"document": json.dumps(shape, ensure_ascii=False)},
        font_paths=_fonts(),
        timestamp=made,
    )


@functools.cache
def _fonts() -> typst.Fonts:
    """The font that comes along, and none of the machine's: a page looks the same wherever it is made."""
    return typst.Fonts(include_system_fonts=False, font_paths=[str(Path(str(noto_cjk_sans_otc.FONT_PATH)).parent)])
