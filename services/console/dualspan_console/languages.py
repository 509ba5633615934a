"""The languages of the console, and which of them a browser gets."""

from __future__ import annotations

from starlette.requests import Request

from dualspan_console.security import LANGUAGE_COOKIE

LANGUAGES = ("en", "zh")


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
