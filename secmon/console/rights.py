"""Who may do what: one table of rights and roles, one of routes, asked by API and pages alike.

A route that stands in no line of ROUTES is refused to everybody. docs/access.md says it in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from secmon.api import Role, User
from secmon.console.problems import Problem
from secmon.core.model import Verb

ALL = frozenset(Role)
NO_VIEWER = ALL - {Role.VIEWER}
WORKERS = frozenset((Role.OPERATOR, Role.ENGINEER, Role.MANAGER, Role.ADMIN))
LEADERS = frozenset((Role.MANAGER, Role.ADMIN))
PLACERS = LEADERS | {Role.ENGINEER}
OVERSEERS = frozenset((Role.AUDITOR, Role.ADMIN))
ADMINS = frozenset((Role.ADMIN,))


class Right(StrEnum):
    """Something that one may do, or not."""

    READ = "read"  # how things are: devices, faults, tickets
    ADDRESSES = "addresses"  # where devices are in the network, what they say of themselves
    PICTURES = "pictures"  # what cameras saw, what people photographed
    POLL = "poll"
    REPORT = "report"
    WORK = "work"  # every verb of a ticket but `cancel`
    CANCEL = "cancel"
    DUTY = "duty"  # overrides and hand-overs; for whom, the duty book decides
    SILENCE = "silence"  # set and end silences
    TRAINING = "training"
    CONTACTS = "contacts"  # one's own; others' too for managers and administrators
    PLACE = "place"  # devices on floor plans
    ATTACH = "attach"
    TRY_CHANNEL = "try_channel"
    RESEND = "resend"  # notices that were given up
    AUDIT = "audit"
    PEOPLE = "people"
    STORE = "store"
    ACCOUNT = "account"  # one's own password, sessions and tokens


class Scope(StrEnum):
    """What a token may be narrowed to."""

    READ = "read"
    PICTURES = "pictures"
    TICKETS = "tickets"
    AUDIT = "audit"
    ADMIN = "admin"


ROLES: Mapping[Right, frozenset[Role]] = MappingProxyType(
    {
        Right.READ: ALL,
        Right.ADDRESSES: NO_VIEWER,
        Right.PICTURES: NO_VIEWER,
        Right.POLL: WORKERS,
        Right.REPORT: WORKERS,
        Right.WORK: WORKERS,
        Right.CANCEL: LEADERS,
        Right.DUTY: WORKERS,
        Right.SILENCE: WORKERS,
        Right.TRAINING: LEADERS,
        Right.CONTACTS: ALL,
        Right.PLACE: PLACERS,
        Right.ATTACH: WORKERS,
        Right.TRY_CHANNEL: WORKERS,
        Right.RESEND: ADMINS,
        Right.AUDIT: OVERSEERS,
        Right.PEOPLE: ADMINS,
        Right.STORE: ADMINS,
        Right.ACCOUNT: ALL,
    }
)

SCOPES: Mapping[Right, Scope | None] = MappingProxyType(  # None: no narrowed token has it
    {
        Right.READ: Scope.READ,
        Right.ADDRESSES: Scope.READ,
        Right.PICTURES: Scope.PICTURES,
        Right.POLL: Scope.TICKETS,
        Right.REPORT: Scope.TICKETS,
        Right.WORK: Scope.TICKETS,
        Right.CANCEL: Scope.TICKETS,
        Right.DUTY: Scope.TICKETS,
        Right.SILENCE: Scope.TICKETS,
        Right.TRAINING: Scope.ADMIN,
        Right.CONTACTS: Scope.ADMIN,
        Right.PLACE: Scope.ADMIN,
        Right.ATTACH: Scope.TICKETS,
        Right.TRY_CHANNEL: Scope.ADMIN,
        Right.RESEND: Scope.ADMIN,
        Right.AUDIT: Scope.AUDIT,
        Right.PEOPLE: Scope.ADMIN,
        Right.STORE: Scope.ADMIN,
        Right.ACCOUNT: None,
    }
)

ROUTES: Mapping[str, Right] = MappingProxyType(
    {
        # pages
        "GET /": Right.READ,
        "GET /tickets": Right.READ,
        "GET /tickets/{number}": Right.READ,
        "POST /tickets/{number}/attachments": Right.ATTACH,
        "POST /tickets/{number}/{verb}": Right.WORK,  # `cancel` is looked at by the verb
        "GET /devices": Right.READ,
        "GET /devices/{id}": Right.READ,
        "POST /devices/{id}/poll": Right.POLL,
        "POST /devices/{id}/report": Right.REPORT,
        "GET /devices/{id}/label": Right.READ,
        "GET /labels": Right.READ,
        "GET /windows": Right.READ,
        "POST /windows": Right.SILENCE,
        "POST /windows/{id}/end": Right.SILENCE,
        "GET /my": Right.READ,
        "GET /kpi": Right.READ,
        "GET /kpi.csv": Right.READ,
        "GET /status": Right.READ,
        "GET /duty": Right.READ,
        "POST /duty/overrides": Right.DUTY,
        "POST /duty/overrides/{id}/confirm": Right.DUTY,
        "POST /duty/overrides/{id}/withdraw": Right.DUTY,
        "GET /hand-overs": Right.READ,
        "POST /hand-overs": Right.DUTY,
        "GET /hand-overs/{id}": Right.ADDRESSES,  # their words name addresses
        "POST /hand-overs/{id}/sign": Right.DUTY,
        "POST /tickets/{number}/plan/{plan}/begin": Right.WORK,
        "POST /tickets/{number}/plan/{plan}/{step}": Right.WORK,
        "GET /plan": Right.READ,
        "GET /plan/{floor}": Right.READ,
        "GET /plan/{floor}/picture": Right.READ,  # drawn, not taken
        "POST /plan/{floor}/spots": Right.PLACE,
        "POST /plan/{floor}/spots/{device}/remove": Right.PLACE,
        "GET /wall": Right.READ,
        "POST /logout": Right.ACCOUNT,
        "GET /account": Right.ACCOUNT,
        "POST /account/password": Right.ACCOUNT,
        "POST /account/sessions/end": Right.ACCOUNT,
        "POST /account/tokens": Right.ACCOUNT,
        "POST /account/tokens/remove": Right.ACCOUNT,
        "GET /people": Right.PEOPLE,
        "POST /people/{verb}": Right.PEOPLE,
        "GET /audit": Right.AUDIT,
        # API
        "GET /api/v1/devices": Right.READ,
        "GET /api/v1/devices/{id}": Right.READ,
        "POST /api/v1/devices/{id}/poll": Right.POLL,
        "GET /api/v1/faults": Right.READ,
        "GET /api/v1/tickets": Right.READ,
        "POST /api/v1/tickets": Right.REPORT,
        "GET /api/v1/tickets/{number}": Right.READ,
        "GET /api/v1/tickets/{number}/attachments/{id}": Right.PICTURES,
        "POST /api/v1/tickets/{number}/attachments": Right.ATTACH,
        "GET /api/v1/tickets/{number}/evidence/{n}": Right.PICTURES,
        "POST /api/v1/tickets/{number}/{verb}": Right.WORK,
        "GET /api/v1/events": Right.READ,
        "GET /api/v1/kpi": Right.READ,
        "GET /api/v1/plans": Right.READ,
        "POST /api/v1/tickets/{number}/plans/{plan}": Right.WORK,
        "POST /api/v1/tickets/{number}/plans/{plan}/steps/{step}": Right.WORK,
        "GET /api/v1/windows": Right.READ,
        "POST /api/v1/windows": Right.SILENCE,
        "DELETE /api/v1/windows/{id}": Right.SILENCE,
        "GET /api/v1/duty": Right.READ,
        "GET /api/v1/duty/now": Right.READ,
        "POST /api/v1/duty/overrides": Right.DUTY,
        "POST /api/v1/duty/overrides/{id}/confirm": Right.DUTY,
        "DELETE /api/v1/duty/overrides/{id}": Right.DUTY,
        "GET /api/v1/hand-overs": Right.READ,
        "GET /api/v1/hand-overs/{id}": Right.ADDRESSES,  # their words name addresses
        "POST /api/v1/hand-overs": Right.DUTY,
        "POST /api/v1/hand-overs/{id}/sign": Right.DUTY,
        "GET /api/v1/users/{name}/contact": Right.CONTACTS,
        "PUT /api/v1/users/{name}/contact": Right.CONTACTS,
        "GET /api/v1/users/{name}/training": Right.READ,
        "POST /api/v1/users/{name}/training": Right.TRAINING,
        "DELETE /api/v1/users/{name}/training": Right.TRAINING,
        "GET /api/v1/notices": Right.ADDRESSES,  # their words name addresses
        "POST /api/v1/notices/{id}/resend": Right.RESEND,
        "GET /api/v1/audit": Right.AUDIT,
        "GET /api/v1/audit/check": Right.AUDIT,
        "GET /api/v1/me": Right.ACCOUNT,
        "POST /api/v1/me/password": Right.ACCOUNT,
        "DELETE /api/v1/me/sessions": Right.ACCOUNT,
        "DELETE /api/v1/me/sessions/{id}": Right.ACCOUNT,
        "GET /api/v1/me/tokens": Right.ACCOUNT,
        "POST /api/v1/me/tokens": Right.ACCOUNT,
        "DELETE /api/v1/me/tokens/{token}": Right.ACCOUNT,
        "GET /api/v1/users": Right.PEOPLE,
        "POST /api/v1/users": Right.PEOPLE,
        "DELETE /api/v1/users/{name}": Right.PEOPLE,
        "POST /api/v1/users/{name}/role": Right.PEOPLE,
        "POST /api/v1/users/{name}/password": Right.PEOPLE,
        "POST /api/v1/users/{name}/link": Right.PEOPLE,
        "POST /api/v1/users/{name}/unlock": Right.PEOPLE,
        "GET /api/v1/users/{name}/sessions": Right.PEOPLE,
        "DELETE /api/v1/users/{name}/sessions": Right.PEOPLE,
        "GET /api/v1/users/{name}/tokens": Right.PEOPLE,
        "POST /api/v1/users/{name}/tokens": Right.PEOPLE,
        "DELETE /api/v1/users/{name}/tokens/{token}": Right.PEOPLE,
        "POST /api/v1/channels/{id}/test": Right.TRY_CHANNEL,
        "POST /api/v1/store/backup": Right.STORE,
        "GET /api/v1/store/sizes": Right.STORE,
    }
)


def right_of(verb: Verb) -> Right:
    return Right.CANCEL if verb is Verb.CANCEL else Right.WORK


def may(user: User | None, right: Right) -> bool:
    """May this user, as narrowed by the token that was shown?"""
    if user is None or user.role not in ROLES[right]:
        return False
    return not user.scopes or SCOPES[right] in user.scopes


def require(user: User, right: Right) -> None:
    """Problem 403 that says which roles may, or which scope the token lacks."""
    if user.role not in ROLES[right]:
        wanted = ", ".join(sorted(ROLES[right]))
        raise Problem(403, f"{user.name} is {user.role}: this needs one of {wanted}")
    if not may(user, right):
        wanted = SCOPES[right] or "no narrowed token at all"
        raise Problem(403, f"this token is for {', '.join(user.scopes)}: this needs {wanted}")


def decision(method: str, path: str) -> Right | None:
    """What a route asks for; `path` as it was written. None: nobody decided, so nobody may."""
    return ROUTES.get(f"{'GET' if method == 'HEAD' else method} {path}")
