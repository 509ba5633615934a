"""What is handed back, as a ZIP archive that is written while it is read: nothing of it is kept in memory."""

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import IO, Any

import numpy as np

from dualspan_frame import BinaryColumn, Block, Frame
from dualspan_marketplace.bindings.outputs import OutputTag

_HEAD = b"timestamp,value,status\n"
_QUOTED = frozenset('",\r\n')
# Spreadsheets take what begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t")


class _Pipe(io.RawIOBase):
    """Takes what is written, until it is taken."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, given: Any) -> int:
        self._parts.append(bytes(given))
        return len(self._parts[-1])

    def taken(self) -> bytes:
        found = b"".join(self._parts)
        self._parts.clear()
        return found


async def archive(
    facts: Mapping[str, Any], written: Sequence[tuple[OutputTag, AsyncIterator[Frame]]]
) -> AsyncGenerator[bytes]:
    """The archive, part by part.

    Args:
        facts: About the subscription; `subscription.json`.
        written: What was written under each tag, in order of time; `results/<output>.<asset>.csv`.
    """
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as whole:
        whole.writestr("subscription.json", json.dumps(facts, ensure_ascii=False, indent=2))
        for tag, frames in written:
            with whole.open(_path(tag), "w", force_zip64=True) as file:
                file.write(_HEAD)
                async for frame in frames:
                    # Texts of so many numbers take a while, and others are served meanwhile.
                    await asyncio.to_thread(_write, file, frame)
                    if part := pipe.taken():
                        yield part
            yield pipe.taken()
    yield pipe.taken()


def _path(tag: OutputTag) -> str:
    # An output whose kind has changed has a tag of each.
    asset = f".{tag.output.asset_id}" if tag.output.asset_id else ""
    return f"results/{tag.output.output}{asset}.{tag.tag_id}.csv"


def _write(file: IO[bytes], frame: Frame) -> None:
    for block in frame.blocks:
        times = np.datetime_as_string(block.timestamp.astype("datetime64[us]"), timezone="UTC").tolist()
        rows = zip(times, _texts(block), map(str, block.status.tolist()), strict=True)
        file.write(("\n".join(map(",".join, rows)) + "\n").encode())


def _texts(block: Block) -> list[str]:
    if isinstance(block.value, BinaryColumn):
        return [_cell(str(each)) for each in block.value.to_list()]
    return list(map(str, block.value.tolist()))


def _cell(text: str) -> str:
    text = f"'{text}" if text.startswith(_FORMULA) else text
    return '"' + text.replace('"', '""') + '"' if _QUOTED & set(text) else text
