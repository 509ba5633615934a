"""The application that runs in browsers: its files, read, addressed and compressed once, and the page that starts it.

All files are under one address that changes with any of them, so that modules import each other by relative paths and
browsers may keep what they have for ever.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path, PurePosixPath

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from dualspan_console.languages import LANGUAGES, choose_language

FOLDER = Path(__file__).parent / "client"
STYLES = ("tokens", "base", "parts", "shell", "pages", "gateways", "dashboards", "admin")
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}
_FOR_EVER = "public, max-age=31536000, immutable"
# What a module imports when it is read; `import(...)` comes later, and is not among them.
_IMPORT = re.compile(
    r"""(?:^|[\s;}])(?:import|export)\b[^"'();]*?\bfrom\s*["']([^"']+)["']|(?:^|;)import\s*["']([^"']+)["']"""
)
_PAGE_OF_ROOT = "home"
_SEGMENT = re.compile(r"[a-z][a-z-]*")


@dataclass(frozen=True, slots=True)
class ClientFile:
    """One file as it is sent.

    Attributes:
        content: Its bytes.
        compressed: The same by gzip.
        media_type: Of its content.
    """

    content: bytes
    compressed: bytes
    media_type: str


class Client:
    """The application's files.

    Args:
        folder: Where they are.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        contents = _read(folder)
        self.files: Mapping[str, ClientFile] = {
            name: ClientFile(content, gzip.compress(content, 9, mtime=0), _TYPES[PurePosixPath(name).suffix])
            for name, content in contents.items()
        }
        digest = hashlib.sha256()
        for name, content in sorted(contents.items()):
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
        self.base = f"/assets/{digest.hexdigest()[:16]}"

    async def file(self, request: Request) -> Response:
        """One file; of an earlier release none: whoever asks for one has to load the page again."""
        found = self.files.get(request.path_params["path"])
        if found is None or request.path_params["digest"] != self.base.rpartition("/")[2]:
            return PlainTextResponse("This release has no such file.\n", 404)
        headers = {"cache-control": _FOR_EVER, "vary": "accept-encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["content-encoding"] = "gzip"
            return Response(found.compressed, headers=headers, media_type=found.media_type)
        return Response(found.content, headers=headers, media_type=found.media_type)

    async def page(self, request: Request) -> Response:
        """The document that starts the application, whatever its address: the rest is the browser's."""
        language = choose_language(request)
        headers = {"vary": "accept-language, cookie"}
        return Response(self.document(language, request.url.path), headers=headers, media_type="text/html")

    def document(self, language: str, path: str) -> str:
        """The document.

        Args:
            language: Of its words: `en` or `zh`.
            path: Of its address: the modules of that page are fetched with the first ones.
        """
        modules = ["main.js", f"words/{language}.js"]
        first = path.strip("/").partition("/")[0] or _PAGE_OF_ROOT
        if _SEGMENT.fullmatch(first) and f"pages/{first}/page.js" in self.files:
            modules.append(f"pages/{first}/page.js")
        preloads = "\n".join(
            f'<link rel="modulepreload" href="{self.base}/{escape(name)}">' for name in self.graph(*modules)
        )
        return _DOCUMENT.format(
            tongue="zh-CN" if language == "zh" else "en",
            title="双跨 DualSpan" if language == "zh" else "DualSpan",
            needs="此应用需要 JavaScript。" if language == "zh" else "This application needs JavaScript.",
            base=self.base,
            preloads=preloads,
        )

    def graph(self, *names: str) -> list[str]:
        """These modules and all that they import, each once."""
        found: dict[str, None] = {}
        waiting = list(names)
        while waiting:
            name = waiting.pop(0)
            if name not in found:
                found[name] = None
                waiting += imports(name, self.files[name].content.decode())
        return list(found)


def imports(name: str, source: str) -> list[str]:
    """The modules that a module imports at its beginning, as names in the folder.

    Args:
        name: Of the module, such as `core/api.js`.
        source: Its text.
    """
    folder = PurePosixPath(name).parent
    paths = [first or second for first, second in _IMPORT.findall(source)]
    return [_normal(folder / path) for path in paths]


def _normal(path: PurePosixPath) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def _read(folder: Path) -> dict[str, bytes]:
    contents = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in _TYPES and path.parent.name not in {"words", "styles"}
    }
    styles = [folder / "vendor" / "uplot" / "uPlot.min.css", *(folder / "styles" / f"{name}.css" for name in STYLES)]
    contents["styles.css"] = b"\n".join(path.read_bytes() for path in styles)
    for place, language in enumerate(LANGUAGES):
        words = {key: pair[place] for key, pair in read_words(folder).items() if pair[place]}
        text = json.dumps(words, ensure_ascii=False, separators=(",", ":"))
        contents[f"words/{language}.js"] = f"export default {text};\n".encode()
    return contents


def read_words(folder: Path = FOLDER) -> dict[str, list[str]]:
    """All words of the application: `{area}.{key}` to those in each of `LANGUAGES`, in their order.

    Every file `words/{area}.json` holds `{key: [English, Chinese]}`; no English where services say it themselves.
    """
    found: dict[str, list[str]] = {}
    for path in sorted((folder / "words").glob("*.json")):
        entries: dict[str, list[str]] = json.loads(path.read_text("utf-8"))
        found |= {f"{path.stem}.{key}": pair for key, pair in entries.items()}
    return found


_DOCUMENT = """<!doctype html>
<html lang="{tongue}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="icon" href="{base}/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="{base}/styles.css">
<script src="{base}/theme.js"></script>
{preloads}
<script type="module" src="{base}/main.js"></script>
</head>
<body><div id="app"></div><noscript>{needs}</noscript></body>
</html>
"""
