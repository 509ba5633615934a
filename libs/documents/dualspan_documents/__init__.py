"""Pages for people: one shape of data, set as PDF by Typst ([decision](../../../docs/adr/0015-reports.md))."""

from dualspan_documents.pdf import to_pdf
from dualspan_documents.shape import Block, Chart, Note, Section, Shape, Table

__all__ = ["Block", "Chart", "Note", "Section", "Shape", "Table", "to_pdf"]
