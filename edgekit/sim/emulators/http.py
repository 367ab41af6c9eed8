"""Speak HTTP for emulated instruments on the network: requests in, answers out, with a password in front where one is wanted."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

_END = b"\r\n\r\n"
_MOST = 16_384
_REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 500: "Internal Server Error"}
_FIELD = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')
NONCE = "60dc2d3a"


class HttpInstrument:
    """Answer GET requests with JSON. `failing` are the nanoseconds between which it answers 500; `password` None lets everybody in.

    A kind says `_answer(path, query, t_ns)` and its `scheme`: "digest" (SHA-256), "basic", or "query" (user= and password=).
    """

    scheme = "digest"
    realm = "emulated"
    free: tuple[str, ...] = ()

    def __init__(self, *, password: str | None = None, failing: tuple[int, int] | None = None) -> None:
        self._password = password
        self._failing = failing
        self._waiting = b""
        self.asked: list[str] = []

    def hear(self, data: bytes, t_ns: int) -> bytes:
        """Take bytes of requests; return the answers to those that are complete."""
        self._waiting += data
        said = b""
        while _END in self._waiting:
            request, self._waiting = self._waiting.split(_END, 1)
            said += self._reply(request.decode("latin-1"), t_ns)
        if len(self._waiting) > _MOST:
            self._waiting = b""
            said += _page(400, {})
        return said

    def say(self, t_ns: int) -> bytes:
        """Say nothing of its own accord."""
        return b""

    def next_ns(self) -> int | None:
        """Return None: it only answers."""
        return None

    def _answer(self, path: str, query: dict[str, str], t_ns: int) -> tuple[int, Any]:
        """Return (status, document) of a request that is allowed."""
        raise NotImplementedError

    def _reply(self, request: str, t_ns: int) -> bytes:
        first, *lines = request.split("\r\n")
        method, _, rest = first.partition(" ")
        target = rest.rpartition(" ")[0]
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        parts = urlsplit(target)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        self.asked.append(parts.path)
        if method != "GET" or not target:
            return _page(400, {})
        if self._failing is not None and self._failing[0] <= t_ns < self._failing[1]:
            return _page(500, {"code": -103, "message": "busy"})
        if self._password is not None and parts.path not in self.free and not self._let_in(target, query, headers.get("authorization", "")):
            return self._unknown()
        return _page(*self._answer(parts.path, query, t_ns))

    def _unknown(self) -> bytes:
        if self.scheme == "query":
            return _page(200, {"WARNING": "Need user=<username>&password=<password>"})
        if self.scheme == "basic":
            return _page(401, {}, challenge=f'Basic realm="{self.realm}"')
        return _page(401, {}, challenge=f'Digest qop="auth", realm="{self.realm}", nonce="{NONCE}", algorithm=SHA-256')

    def _let_in(self, target: str, query: dict[str, str], told: str) -> bool:
        if self.scheme == "query":
            return query.get("user") == "admin" and query.get("password") == self._password
        if self.scheme == "basic":
            return told == "Basic " + base64.b64encode(f"admin:{self._password}".encode()).decode()
        given = {name: quoted or bare for name, quoted, bare in _FIELD.findall(told)}
        if not told.startswith("Digest ") or given.get("nonce") != NONCE or given.get("uri") != target:
            return False
        who = _sha256(f"admin:{self.realm}:{self._password}")
        what = _sha256(f"GET:{target}")
        wanted = _sha256(f"{who}:{NONCE}:{given.get('nc')}:{given.get('cnonce')}:{given.get('qop')}:{what}")
        return given.get("response") == wanted


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _page(status: int, document: Any, *, challenge: str = "") -> bytes:
    body = json.dumps(document).encode()
    lines = [f"HTTP/1.1 {status} {_REASONS[status]}", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    if challenge:
        lines.append(f"WWW-Authenticate: {challenge}")
    return "\r\n".join(lines).encode() + _END + body
