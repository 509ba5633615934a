"""What a compiler would find in the application's modules, found without one; and how its files are served."""

import gzip
import re
import subprocess
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response

from dualspan_console.client_files import FOLDER, Client, imports, read_words
from dualspan_console.languages import LANGUAGES

MODULES = sorted(path for path in FOLDER.rglob("*.js") if "vendor" not in path.parts)
CLIENT = Client()
SMALL_BYTES = 300 * 1024
# A page and all that it needs before it can be used, compressed; charts come with the page that has one.
FIRST_BYTES = 90 * 1024
LONGEST_LINE = 190
_DYNAMIC = re.compile(r"""import\(\s*["']([^"']+)["']\s*\)""")
_NAMED = re.compile(r"""\bimport\s*\{([^}]*)\}\s*from\s*["']([^"']+)["']""")
_EXPORTED = re.compile(r"^export (?:default )?(?:async )?(?:const|let|function\*?|class)\s+(\w+)", re.MULTILINE)
_LISTED = re.compile(r"\bexport \{([^}]*)\}")
_MARKUP = (
    "innerHTML",
    "outerHTML",
    "insertAdjacentHTML",
    "dangerouslySetInnerHTML",
    "eval(",
    "new Function",
    "document.write",
)
# Of these the English is what services say themselves, with more of the case.
SAID_BY_SERVICES = ("reason.", "notice.", "concern.", "told.")
_WORDS = re.compile(r"""\b(?:t|tOr|saidBy)\(\s*["']([\w.-]+)["']""")
_KEYED = re.compile(r"""["'](nav|range|explore)\.([\w-]+)["']""")


def name_of(path: Path) -> str:
    return path.relative_to(FOLDER).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_imported_module_and_name_is_there(path: Path) -> None:
    text = path.read_text("utf-8")
    name = name_of(path)
    for found in imports(name, text):
        assert found in CLIENT.files, f"{name} imports {found}"
    for given in _DYNAMIC.findall(text):
        assert (path.parent / given).resolve().exists(), f"{name} loads {given}"
    for names, given in _NAMED.findall(text):
        source = (path.parent / given).resolve()
        if "vendor" in source.parts:
            continue
        exported = source.read_text("utf-8")
        known = {
            *_EXPORTED.findall(exported),
            *re.findall(r"\w+", " ".join(re.findall(r"export \{([^}]*)\}", exported))),
        }
        for wanted in re.findall(r"\w+", re.sub(r"\bas \w+", "", names)):
            assert wanted in known, f"{name} imports {wanted} of {given}"


def test_every_word_is_there_in_both_languages_with_the_same_places() -> None:
    words = read_words()
    for key, pair in words.items():
        assert len(pair) == len(LANGUAGES), key
        if key.startswith(SAID_BY_SERVICES):
            assert not pair[0], key
            assert pair[1], key
            continue
        assert all(pair), key
        places = [set(re.findall(r"\{(\w+)\}", text)) for text in pair]
        assert places[0] - {"count"} == places[1] - {"count"}, key


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_word_that_a_module_names_is_there(path: Path) -> None:
    words = read_words()
    text = path.read_text("utf-8")
    named = {*_WORDS.findall(text), *(".".join(found) for found in _KEYED.findall(text))}
    assert named <= words.keys(), f"{name_of(path)} names {named - words.keys()}"


def test_no_word_is_left_over() -> None:
    text = "\n".join(path.read_text("utf-8") for path in MODULES)
    prefixes = [found.replace("\\", "") for found in re.findall(r"[(`]((?:\w+)\.(?:\w*_)?)\$\{", text)]
    prefixes += re.findall(r"""wordsUnder\(["'](\w+\.)""", text)
    for key in read_words():
        named = f'"{key}"' in text or f'"{key.removesuffix("_one")}"' in text
        assert named or any(key.startswith(prefix) for prefix in prefixes), f"nobody says {key}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_modules_make_no_markup_of_text(path: Path) -> None:
    text = path.read_text("utf-8")
    for way in _MARKUP:
        assert way not in text, f"{name_of(path)}: {way}"
    assert max(map(len, text.splitlines())) <= LONGEST_LINE
    assert len(text.splitlines()) <= 400


def test_the_script_of_every_page_is_small() -> None:
    scripts = {name: len(file.compressed) for name, file in CLIENT.files.items() if name.endswith(".js")}
    routes = (FOLDER / "routes.js").read_text("utf-8")
    pages = [page.removeprefix("./") for page in _DYNAMIC.findall(routes)]
    assert len(pages) > 10
    for page in pages:
        whole = CLIENT.graph("main.js", page, "words/en.js")
        assert sum(scripts[name] for name in whole) <= SMALL_BYTES, page
    first = CLIENT.graph("main.js", "pages/home/page.js", "words/en.js")
    assert sum(scripts[name] for name in first) <= FIRST_BYTES


def test_the_document_fetches_the_first_page_at_once_and_has_nothing_inline() -> None:
    document = CLIENT.document("zh", "/explore")
    assert '<html lang="zh-CN">' in document
    for name in ("main.js", "words/zh.js", "pages/explore/page.js", "vendor/uplot/uPlot.esm.js"):
        assert f'<link rel="modulepreload" href="{CLIENT.base}/{name}">' in document
    assert "words/en.js" not in document
    assert not re.search(r"<script(?![^>]*\bsrc=)|\bstyle=|<style|\bon\w+=", document)
    assert "pages/home/page.js" in CLIENT.document("en", "/")
    assert CLIENT.document("en", "/../../settings") == CLIENT.document("en", "/nothing/here")


async def fetched(digest: str, path: str, encoding: str = "gzip") -> Response:
    headers = [(b"accept-encoding", encoding.encode())]
    scope = {"type": "http", "method": "GET", "headers": headers, "path_params": {"digest": digest, "path": path}}
    return await CLIENT.file(Request(scope))


async def test_files_are_kept_for_ever_and_those_of_another_release_are_not_there() -> None:
    digest = CLIENT.base.rpartition("/")[2]
    answer = await fetched(digest, "main.js")
    assert answer.headers["content-encoding"] == "gzip"
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/javascript")
    plain = await fetched(digest, "main.js", "identity")
    assert "content-encoding" not in plain.headers
    assert gzip.decompress(bytes(answer.body)) == plain.body == (FOLDER / "main.js").read_bytes()
    for other, path in (("0123456789abcdef", "main.js"), (digest, "../client_files.py"), (digest, "vendor/README.md")):
        missing = await fetched(other, path)
        assert missing.status_code == 404
        assert "cache-control" not in missing.headers


def test_modules_are_what_the_language_allows(tmp_path: Path) -> None:
    """Only where there is a Node: the browser's suite runs each of them anyway."""
    node = next((path for path in ("/usr/bin/node", "/usr/local/bin/node") if Path(path).exists()), None)
    if node is None:
        pytest.skip("there is no Node on this machine; tests/browser loads every module")
    script = tmp_path / "check.mjs"
    script.write_text(
        "import { readFileSync } from 'node:fs'; import vm from 'node:vm';"
        "for (const path of process.argv.slice(2))"
        "  new vm.SourceTextModule(readFileSync(path, 'utf8'), { identifier: path });"
    )
    command = [node, "--experimental-vm-modules", "--no-warnings", str(script), *map(str, MODULES)]
    told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert told.returncode == 0, told.stderr
