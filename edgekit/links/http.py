"""Ask instruments on the network over HTTP: a port to which a path is written, and from which the body of the answer is read.

Proxies and redirects are not followed: a plug answers by itself or not at all. Credentials go into headers and into nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import re
import secrets
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from edgekit.core.errors import HardwareError, UsageError

_TIMEOUT_S = 3.0
_MOST_BYTES = 1 << 20
_HASHES = {"MD5": "md5", "SHA-256": "sha256"}
_CHALLENGE = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Hold who asks. `in_query` puts user and password into the query, as Tasmota wants them. The password is in no text of this."""

    user: str = ""
    password: str = ""
    in_query: bool = False

    def __repr__(self) -> str:
        return f"Login(user={self.user!r})"


class HttpPort:
    """Ask http://HOST[:PORT] with GET, one question at a time."""

    def __init__(self, address: str, baud: int = 0, *, login: Login | None = None, timeout_s: float = _TIMEOUT_S) -> None:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        try:
            host, number = parts.hostname or "", parts.port or 80
        except ValueError:
            host = ""
        if parts.scheme != "http" or not host or parts.username is not None or parts.path.strip("/") or parts.query:
            # the address is not repeated: it may hold a password
            raise UsageError(
                "the address of a plug reads HOST, HOST:PORT or http://HOST",
                code="http.address",
                why="without a path, a user or a password",
                do=[("write it like this:", "edgekit meters read shelly:192.168.1.20")],
            )
        self.name = f"http://{host}:{number}"
        self._host, self._number, self._login, self._timeout_s = host, number, login or Login(), timeout_s
        self._path = ""
        self._rest = b""
        self._challenge = ""
        self._count = 0

    def write(self, data: bytes) -> None:
        """Take the path of the next question, with its query."""
        self._path, self._rest = data.decode("ascii"), b""

    def read(self, most: int, timeout_s: float) -> bytes:
        """Return (the rest of) the body of the answer, nothing without a question.

        Raises:
            HardwareError: nobody listens (port.gone), it is silent (http.timeout), refuses (http.auth, http.status) or talks no HTTP.
        """
        if self._path:
            path, self._path = self._path, ""
            self._rest = self._get(path, timeout_s)
        body, self._rest = self._rest[:most], self._rest[most:]
        return body

    def close(self) -> None:
        """Forget what was asked; harmless when called twice."""
        self._path, self._rest = "", b""

    def _get(self, path: str, timeout_s: float) -> bytes:
        status, offered, body = self._once(path, timeout_s)
        if status == 401 and offered and self._login.password:  # a nonce runs out, and is renewed by asking again
            self._challenge, self._count = offered, 0
            status, _, body = self._once(path, timeout_s)
        if status in (401, 403):
            raise self._refused("asks for another password" if self._login.password else "asks for a password")
        if status != 200:
            raise HardwareError(
                f"{self.name} answered {path.partition('?')[0]} with HTTP {status}",
                code="http.status",
                why=body[:80].decode("utf-8", "replace") or http.client.responses.get(status, "no reason was given"),
                do=[("look at it yourself:", f"curl -i '{self.name}{path}'")],
            )
        return body

    def _once(self, path: str, timeout_s: float) -> tuple[int, str, bytes]:
        login, asked = self._login, path
        if login.in_query and login.password:
            asked += f"&user={quote(login.user, safe='')}&password={quote(login.password, safe='')}"
        headers = {"Accept": "application/json", "Connection": "close"}
        if self._challenge and not login.in_query:
            self._count += 1
            headers["Authorization"] = authorization(self._challenge, path, login, count=self._count, cnonce=secrets.token_hex(8))
        connection = http.client.HTTPConnection(self._host, self._number, timeout=min(self._timeout_s, max(0.05, timeout_s)))
        try:
            connection.request("GET", asked, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.headers.get("WWW-Authenticate", ""), answer.read(_MOST_BYTES)
        except TimeoutError as error:
            raise HardwareError(
                f"{self.name} did not answer within {self._timeout_s:g} s",
                code="http.timeout",
                why="it is switched off, out of reach of its Wi-Fi, or another machine has its address",
                do=[("see whether it is there:", f"ping -c 3 {self._host}")],
            ) from error
        except http.client.HTTPException as error:
            raise HardwareError(f"{self.name} does not speak HTTP", code="http.answer", why=type(error).__name__) from error
        except OSError as error:
            raise HardwareError(
                f"{self.name} is gone",
                code="port.gone",
                why=error.strerror or str(error),
                do=[("see whether it is there:", f"ping -c 3 {self._host}")],
            ) from error
        finally:
            connection.close()

    def _refused(self, what: str) -> HardwareError:
        return HardwareError(
            f"{self.name} {what}",
            code="http.auth",
            why="what it measures is behind a password",
            do=[
                (
                    "put it into an environment variable of which the meter's option password_env tells the name:",
                    "read -rs PLUG_PASSWORD; export PLUG_PASSWORD",
                )
            ],
        )


def authorization(challenge: str, path: str, login: Login, *, count: int, cnonce: str) -> str:
    """Return the Authorization header that answers a challenge: Basic, or Digest with MD5 or SHA-256 (RFC 7616, 3.4)."""
    scheme, _, rest = challenge.partition(" ")
    if scheme.lower() != "digest":
        return "Basic " + base64.b64encode(f"{login.user}:{login.password}".encode()).decode()
    given = {name.lower(): quoted or bare for name, quoted, bare in _CHALLENGE.findall(rest)}
    algorithm = given.get("algorithm", "MD5")
    name = _HASHES.get(algorithm.upper(), "sha256")

    def digest(*parts: str) -> str:
        return hashlib.new(name, ":".join(parts).encode(), usedforsecurity=False).hexdigest()

    realm, nonce, times = given.get("realm", ""), given.get("nonce", ""), f"{count:08x}"
    who, what = digest(login.user, realm, login.password), digest("GET", path)
    answer = digest(who, nonce, times, cnonce, "auth", what) if "qop" in given else digest(who, nonce, what)
    fields = {"username": login.user, "realm": realm, "nonce": nonce, "uri": path, "response": answer}
    text = ", ".join(f'{key}="{value}"' for key, value in fields.items()) + f", algorithm={algorithm}"
    if "qop" in given:
        text += f', qop=auth, nc={times}, cnonce="{cnonce}"'
    if "opaque" in given:
        text += f', opaque="{given["opaque"]}"'
    return f"Digest {text}"
