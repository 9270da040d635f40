"""What access keeps, as the console sees it; and the lines that go into the audit."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from aiohttp import web

from secmon.api import (
    Attachment,
    AuditCheck,
    AuditLine,
    AuditWish,
    Login,
    Role,
    SeatRow,
    StoreDown,
)
from secmon.console.access import DOOR, USER, Brake, local_peer
from secmon.console.origin import client_of
from secmon.texts.clean import clean

log = logging.getLogger(__name__)

NOISE = 120  # refusals a minute that are written down: more would fill the disk for an attacker
NOISY = "refusals"  # what they are counted under
WHY = 300  # characters


class What(StrEnum):
    """What can stand in the audit."""

    LOG_IN = "log_in"
    LOG_OUT = "log_out"
    LOCK = "lock"
    UNLOCK = "unlock"
    DENIED = "denied"
    USER_ADD = "user_add"
    USER_REMOVE = "user_remove"
    ROLE = "role"
    PASSWORD = "password"
    LINK = "link"
    CONTACT = "contact"
    OVERRIDE = "override"
    SPOT = "spot"  # where a device stands on a floor plan
    TOKEN_ADD = "token_add"
    TOKEN_REMOVE = "token_remove"
    SESSION_END = "session_end"
    PICTURE = "picture"
    UPLOAD = "upload"
    EXPORT = "export"
    NOTIFY_TEST = "notify_test"
    RESEND = "resend"
    BACKUP = "backup"
    RESTORE = "restore"
    RELOAD = "reload"


class Outcome(StrEnum):
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


class TokenRow(Protocol):
    """What is known of a token: never the token itself."""

    @property
    def name(self) -> str: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def used_at(self) -> datetime | None: ...
    @property
    def expires_at(self) -> datetime | None: ...
    @property
    def scopes(self) -> tuple[str, ...]: ...


class Ledger(Protocol):
    """The store's part of access; every method may raise StoreDown."""

    async def login(self, name: str) -> Login: ...
    async def logins(self) -> Mapping[str, Login]: ...
    async def wrong_password(self, name: str, until: datetime | None) -> None: ...
    async def unlock(self, name: str) -> None: ...
    async def sessions(self, name: str, idle: timedelta) -> Sequence[SeatRow]: ...
    async def end_sessions(self, name: str, but: str = "") -> int: ...
    async def end_session_named(self, name: str, short: str) -> int: ...
    async def set_role(self, name: str, role: Role) -> None: ...
    async def remove_user(self, name: str) -> None: ...
    async def add_token(
        self,
        user: str,
        name: str,
        sha256: str,
        scopes: Collection[str] = (),
        expires: datetime | None = None,
    ) -> None: ...
    async def tokens(self, user: str) -> Sequence[TokenRow]: ...
    async def remove_token(self, user: str, name: str) -> int: ...
    async def note(self, line: AuditLine) -> AuditLine: ...
    async def audit(self, wish: AuditWish) -> Sequence[AuditLine]: ...
    async def check_audit(self) -> AuditCheck: ...
    async def attach(self, made: Attachment, body: bytes) -> Attachment: ...
    async def attachments(self, ticket: str) -> Sequence[Attachment]: ...
    async def evidence_at(self, ticket: str) -> Sequence[datetime]: ...
    async def attachment(self, ticket: str, number: int) -> tuple[Attachment, bytes] | None: ...


LEDGER: Final = web.AppKey("ledger", Ledger)
QUIET: Final = web.AppKey("brake on refusals", Brake)


async def note(
    request: web.Request,
    what: What,
    subject: str = "",
    *,
    outcome: Outcome = Outcome.DONE,
    why: str = "",
    who: str = "",
) -> None:
    """One line in the audit and in the log. A store that is away does not undo what was done."""
    user = request.get(USER)
    name = who or (user.name if user else "")
    line = AuditLine(name, place_of(request), what, clean(subject), outcome, clean(why, WHY))
    log.info(
        "audit what=%s outcome=%s who=%r address=%s subject=%r why=%r",
        *(line.what, line.outcome, line.who, line.address, line.subject, line.why),
    )
    if outcome is Outcome.REFUSED:
        brake = request.app[QUIET]
        if brake.wait(NOISY):
            return
        brake.wrong(NOISY)
    try:
        await request.app[LEDGER].note(line)
    except StoreDown as down:
        log.warning("not in the audit, the store is away: %s", down)


def place_of(request: web.Request) -> str:
    """Where a request comes from: an address, or the unix socket."""
    if local_peer(request) is not None:
        return "unix"
    return client_of(request, request.app[DOOR].proxies)
