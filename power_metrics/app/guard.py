"""Who may ask: hosts, origins and tokens; and what answers say about themselves to the browser."""

from __future__ import annotations

import hmac
import ipaddress
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from power_metrics.app.bounds import MAX_BODY

LOOPBACK = ("localhost", "127.0.0.1", "::1")
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)


def policy(host: str) -> bytes:
    """The content security policy: nothing but this server, and no script or style inside the page."""
    parts = (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self'",
        f"connect-src 'self' ws://{host}",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
    return "; ".join(parts).encode("latin-1")


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's own, which nobody else reaches."""
    if host in LOOPBACK:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Guard:
    """ASGI middleware: 403 for foreign hosts and origins and for who has no token, 413 for what is too large.

    Args:
        app: what it guards.
        hosts: names by which the server may be addressed; None for any, where a token is asked for.
        token: that every request has to bring, in the query or as a cookie; None where only this machine can ask.
    """

    def __init__(self, app: Any, hosts: tuple[str, ...] | None = LOOPBACK, token: str | None = None):
        if hosts is None and token is None:
            raise ValueError("token: expected one where hosts are not checked, found None")
        self._app, self._hosts, self._token = app, hosts, token

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """As ASGI has it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        reason = self._refusal(scope, headers)
        if reason is not None:
            await _refuse(scope, receive, send, 403, reason)
            return
        length = headers.get(b"content-length", "0")
        if not length.isdigit() or int(length) > MAX_BODY:
            await _refuse(scope, receive, send, 413, f"expected at most {MAX_BODY:,} bytes")
            return

        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                host = headers.get(b"host", "")
                extra = [*HEADERS, (b"content-security-policy", policy(host))]
                if self._given(scope):
                    extra.append(
                        (
                            b"set-cookie",
                            f"{self._cookie(scope)}={self._token}; HttpOnly; SameSite=Strict; Path=/".encode(),
                        )
                    )
                known = {name.lower() for name, _ in message.get("headers", [])}
                if b"cache-control" not in known:
                    extra.append((b"cache-control", b"no-store"))
                message = {**message, "headers": [*message.get("headers", []), *extra]}
            await send(message)

        await self._app(scope, receive, sending)

    def _refusal(self, scope: Any, headers: dict[bytes, str]) -> str | None:
        host = headers.get(b"host", "")
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            name = ""
        if self._hosts is not None and name not in self._hosts and not is_loopback(name):
            return "this server is addressed by another name"
        origin = headers.get(b"origin")
        if origin is None and scope["type"] == "websocket":
            return "expected the origin of a page of this server"
        if origin is not None and origin.lower() not in (f"http://{host}".lower(), f"https://{host}".lower()):
            return "expected a page of this server, found another origin"
        if headers.get(b"sec-fetch-site") in ("cross-site", "same-site") and scope.get("method", "GET") != "GET":
            return "expected a page of this server, found another site"
        if self._token is not None and not (self._given(scope) or self._remembered(scope, headers)):
            return "expected the link with the token that the server printed"
        return None

    def _given(self, scope: Any) -> bool:
        """Whether the query has the token."""
        if self._token is None:
            return False
        try:
            found = parse_qs(scope.get("query_string", b"").decode("latin-1"), max_num_fields=20).get("token", [""])[0]
        except ValueError:
            return False
        return hmac.compare_digest(found.encode(), self._token.encode())

    def _remembered(self, scope: Any, headers: dict[bytes, str]) -> bool:
        try:
            cookie = SimpleCookie(headers.get(b"cookie", "")).get(self._cookie(scope))
        except CookieError:
            return False
        return (
            cookie is not None
            and self._token is not None
            and hmac.compare_digest(cookie.value.encode(), self._token.encode())
        )

    @staticmethod
    def _cookie(scope: Any) -> str:
        """Cookies do not tell ports apart, so the name does."""
        return f"powerenvs_{(scope.get('server') or ('', 0))[1]}"


async def _refuse(scope: Any, receive: Any, send: Any, status: int, reason: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": reason[:120]})
        return
    body = f"{reason}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode()), *HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
