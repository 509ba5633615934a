"""Rows of a sheet or of comma-separated values, as entries of tags and the other way round."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from dualspan_onboarding.model import OpcUaServer, SecurityMode, Tag
from dualspan_onboarding.sampling import Address, TagSource
from dualspan_onboarding.transfer.columns import (
    BY_FIELD,
    FACTS,
    SECURITY_MODE,
    SETTINGS,
    SOURCE,
    Column,
    settings_of,
)
from dualspan_onboarding.transfer.entries import (
    MAX_ENTRIES,
    Endpoint,
    Entry,
    Place,
    Problem,
    Refused,
    Remark,
    TagFile,
    Value,
    file_refused,
    shown,
)
from dualspan_onboarding.transfer.references import parse_reference

_SERVER = ("gateway", "server", "endpoint_url", "security_mode", "username")
_NODE = ("node_id", "source", "field_path", "index_range")
HEADER: Sequence[str] = (*_SERVER, *_NODE, *(column.name for column in (*FACTS, *SETTINGS)))
NUMBERS = frozenset(column.name for column in (*FACTS, *SETTINGS) if column.number)
MAX_COLUMNS = 64


def read_rows(rows: Iterable[tuple[int, Sequence[str | Refused]]]) -> TagFile:
    """What rows say, the first of them being the names of columns; raises FileRefused.

    Args:
        rows: Each with its number, and its cells as text, or with what is wrong with a cell.
    """
    remaining = iter(rows)
    reader = _Rows(*_header(remaining))
    for line, cells in remaining:
        reader.read(line, cells)
    return TagFile(reader.entries, reader.problems, reader.remarks, reader.count)


def _header(rows: Iterator[tuple[int, Sequence[str | Refused]]]) -> tuple[dict[int, str], list[Remark]]:
    line, cells = next(rows, (1, ()))
    names = {n: cell.strip().lower() for n, cell in enumerate(cells) if isinstance(cell, str) and cell.strip()}
    if "node_id" not in names.values():
        raise file_refused(
            line,
            "HEADER_MISSING",
            "The first row does not name the columns: there is no node_id.",
            "Export tags first and fill that file in.",
        )
    twice = [name for name, times in Counter(names.values()).items() if times > 1]
    if twice:
        raise file_refused(line, "COLUMN_REPEATED", f"The column {shown(twice[0])} is there twice.", "Take one out.")
    unknown = {n: name for n, name in names.items() if name not in HEADER}
    words = "The column is not taken over: it is no column that is known here."
    remarks = [Remark(Place(line, "", shown(name)), "", words) for name in unknown.values()]
    return {n: name for n, name in names.items() if n not in unknown}, remarks


class _Rows:
    """Goes through rows and keeps what it finds."""

    def __init__(self, names: Mapping[int, str], remarks: list[Remark]) -> None:
        self._names = names
        self.entries: list[Entry] = []
        self.problems: list[Problem] = []
        self.remarks = remarks
        self.count = 0

    def read(self, line: int, cells: Sequence[str | Refused]) -> None:
        """Takes a row; an empty one is passed over."""
        if not any(isinstance(cell, Refused) or cell.strip() for cell in cells):
            return
        self.count += 1
        if self.count > MAX_ENTRIES:
            raise file_refused(line, "TOO_MANY_ENTRIES", f"There are more than {MAX_ENTRIES} rows.", "Split the file.")
        place, before = Place(line), len(self.problems)
        row = self._row(place, cells)
        entry = self._entry(place, row) if len(self.problems) == before else None
        if entry is not None and len(self.problems) == before:
            self.entries.append(entry)

    def _row(self, place: Place, cells: Sequence[str | Refused]) -> dict[str, str]:
        found: dict[str, str] = {}
        for number, cell in enumerate(cells):
            name = self._names.get(number, "")
            if isinstance(cell, Refused):
                self.problems.append(cell.at(place.of(name)))
            elif name and cell.strip():
                found[name] = cell
        longest = max(self._names, default=0)
        if any(isinstance(cell, str) and cell.strip() for cell in cells[longest + 1 :]):
            words = "The row has more cells than there are columns."
            self.problems.append(Problem(place, "TOO_MANY_CELLS", words, "Put text with commas into quotes."))
        return found

    def _entry(self, place: Place, row: Mapping[str, str]) -> Entry | None:
        if "node_id" not in row:
            self.problems.append(
                Problem(place.of("node_id"), "NODE_MISSING", "The row has no node_id.", "Write which node it is.")
            )
            return None
        settings, facts = self._values(place, row, SETTINGS), self._values(place, row, FACTS)
        try:
            return Entry(
                place=place,
                server=(row.get("gateway", "").strip(), row.get("server", "").strip()),
                endpoint=self._endpoint(place, row),
                node=parse_reference(row["node_id"]),
                address=self._address(place, row),
                settings=settings,
                facts=facts,
            )
        except Refused as refused:
            self.problems.append(refused.at(place.of("node_id")))
            return None

    def _values(self, place: Place, row: Mapping[str, str], columns: Sequence[Column]) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for column in columns:
            if column.name in row:
                value = self._value(place, row, column)
                if value is not None:
                    found[column.field] = value
        return found

    def _value(self, place: Place, row: Mapping[str, str], column: Column) -> Value | None:
        if column.name not in row:
            return None
        try:
            return column.parse(row[column.name])
        except Refused as refused:
            self.problems.append(refused.at(place.of(column.name)))
            return None

    def _endpoint(self, place: Place, row: Mapping[str, str]) -> Endpoint | None:
        if "endpoint_url" not in row:
            return None
        mode = self._value(place, row, SECURITY_MODE)
        return Endpoint(
            url=row["endpoint_url"].strip(),
            security_mode=mode if isinstance(mode, SecurityMode) else None,
            username=row.get("username", "").strip(),
        )

    def _address(self, place: Place, row: Mapping[str, str]) -> Address:
        source = self._value(place, row, SOURCE)
        return Address(
            source=source if isinstance(source, TagSource) else TagSource.VALUE,
            field_path=row.get("field_path", "").strip(),
            index_range=row.get("index_range", "").strip(),
        )


def row_of(tag: Tag, server: OpcUaServer) -> dict[str, str]:
    """A tag as the cells of a row, by column."""
    settings = settings_of(tag)
    facts: dict[str, Value] = {
        "browse_path": tag.browse_path,
        "kind": tag.kind,
        "data_type": tag.data_type,
        "unit": tag.unit,
    }
    row = {
        "gateway": tag.server.gateway,
        "server": tag.server.server,
        "endpoint_url": server.settings.endpoint_url,
        "security_mode": server.settings.security_mode.name,
        "username": server.settings.username,
        "node_id": tag.node_id,
        "source": tag.address.source.name,
        "field_path": tag.address.field_path,
        "index_range": tag.address.index_range,
    }
    row |= {BY_FIELD[field].name: BY_FIELD[field].show(value) for field, value in facts.items()}
    return row | {column.name: column.show(getattr(settings, column.field)) for column in SETTINGS}
