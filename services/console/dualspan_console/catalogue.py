"""The console's words in each language. One JSON object of flat keys per language."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources

from starlette.requests import Request

from dualspan_console.security import LANGUAGE_COOKIE

LANGUAGES = ("en", "zh")


def load_catalogues() -> Mapping[str, Mapping[str, str]]:
    """All catalogues, by language."""
    folder = resources.files("dualspan_console") / "catalogues"
    return {language: json.loads((folder / f"{language}.json").read_text("utf-8")) for language in LANGUAGES}


def choose_language(request: Request) -> str:
    """The language that the person chose, else the first known one that the browser asks for, else English."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    if chosen in LANGUAGES:
        return chosen
    for wish in request.headers.get("accept-language", "").split(","):
        language = wish.split(";")[0].strip().split("-")[0].lower()
        if language in LANGUAGES:
            return language
    return "en"
