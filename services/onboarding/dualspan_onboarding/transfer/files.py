"""From bytes to what they say, and from tags to bytes, in every format."""

from collections.abc import Mapping, Sequence

from dualspan_onboarding.model import OpcUaServer, Tag
from dualspan_onboarding.names import ServerName
from dualspan_onboarding.transfer.csv_file import read_csv, write_csv
from dualspan_onboarding.transfer.entries import FileFormat, Remark, TagFile
from dualspan_onboarding.transfer.published_nodes import read_published_nodes
from dualspan_onboarding.transfer.published_write import write_published_nodes
from dualspan_onboarding.transfer.rows import row_of
from dualspan_onboarding.transfer.text import check_size, decode, format_of


def read_file(content: bytes, stated: FileFormat | None) -> TagFile:
    """What a file says; its format is found out if it is not stated. Raises FileRefused."""
    check_size(content)
    match stated or format_of(content):
        case FileFormat.XLSX:
            # What knows of workbooks would be a fifth of the service's start and memory, and is rarely needed.
            from dualspan_onboarding.transfer.xlsx_file import read_xlsx

            return read_xlsx(content)
        case FileFormat.PUBLISHED_NODES:
            return read_published_nodes(decode(content))
        case FileFormat.CSV:
            return read_csv(decode(content))


def write_file(
    tags: Sequence[Tag], servers: Mapping[ServerName, OpcUaServer], how: FileFormat
) -> tuple[bytes, list[Remark]]:
    """Tags as a file, and what the format has no place for; the same tags make the same bytes."""
    ordered = sorted(tags, key=lambda tag: (str(tag.server), tag.browse_path, tag.node_id, tag.address.field_path))
    if how is FileFormat.PUBLISHED_NODES:
        return write_published_nodes(ordered, servers)
    rows = (row_of(tag, servers[tag.server]) for tag in ordered)
    if how is FileFormat.CSV:
        return write_csv(rows), []
    from dualspan_onboarding.transfer.xlsx_file import write_xlsx

    return write_xlsx(rows), []
