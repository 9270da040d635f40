"""Errors as RFC 9457 problem documents, each with what was expected and what came."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

from aiohttp import web

from secmon.api import StoreDown

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def problem(
    status: int,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, object] | None = None,
) -> web.Response:
    """A problem document (RFC 9457, section 3); `more` are its extension members."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    return web.Response(
        status=status,
        body=as_bytes({**body, "detail": detail, **(more or {})}),
        content_type="application/problem+json",
        headers=headers,
    )


def as_bytes(data: object) -> bytes:
    r"""JSON in UTF-8. Half a surrogate pair, which UTF-8 lacks, becomes its escape `\ud800`."""
    return json.dumps(data, ensure_ascii=False, allow_nan=False).encode("utf-8", "backslashreplace")


class Problem(Exception):
    """Raised where a request can't go on; the middleware turns it into a document."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **more: object,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers
        self.more = more


@web.middleware
async def as_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every error of the API leaves as a problem document; a bug leaves no detail outside."""
    try:
        return await handler(request)
    except Problem as said:
        return problem(said.status, said.detail, headers=said.headers, more=said.more)
    except StoreDown as down:
        return problem(503, f"the store is away: {down}", headers={"Retry-After": "5"})
    except web.HTTPException as error:
        if error.status < 400:
            raise
        allowed = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
        return problem(error.status, error.text or error.reason, headers=allowed)
    except Exception:
        log.exception("our bug in a request path=%s", request.path)
        return problem(500, "an internal error; it is in the log")
