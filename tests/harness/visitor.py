"""A browser without a screen: it keeps cookies and the token of its session."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Answer:
    """What the console said."""

    status: int
    headers: http.client.HTTPMessage
    body: str

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def reason(self) -> str:
        """Of a problem."""
        assert self.headers["content-type"] == "application/problem+json", self.body
        assert self.document["status"] == self.status
        return self.document["reason"]


@dataclass
class Visitor:
    """Somebody at the console.

    Attributes:
        host: Host and port.
        cookies: That it keeps.
        csrf: What it sends with what changes something; "" to send none.
    """

    host: str
    cookies: dict[str, str] = field(default_factory=dict[str, str])
    csrf: str = ""

    def request(self, method: str, path: str, document: object = None, headers: dict[str, str] | None = None) -> Answer:
        """Sends a request, a document as JSON, bytes as they are."""
        connection = http.client.HTTPConnection(self.host, timeout=30)
        sent = {"x-csrf-token": self.csrf} if self.csrf else {}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        body = document if isinstance(document, bytes) else None if document is None else json.dumps(document).encode()
        if body is not None:
            sent["content-type"] = "application/json"
        connection.request(method, path, body, sent | (headers or {}))
        response = connection.getresponse()
        for cookie in response.headers.get_all("set-cookie") or []:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        answer = Answer(response.status, response.headers, response.read().decode())
        connection.close()
        return answer

    def get(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        return self.request("GET", path, None, headers)

    def sign_in(self, email: str, password: str, headers: dict[str, str] | None = None) -> Answer:
        answer = self.request("POST", "/v1/session", {"email": email, "password": password}, headers)
        if answer.status == 201:
            self.csrf = answer.document["csrf"]
        return answer
