"""Requests over one RTSP connection: their answers, the log-in, the session and its end."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from probes.rtsp.wire import Wire
from probes.wire import login, rtsp
from probes.wire.local import cause, ours, why
from secmon.api import Cause, Credentials, Garbled, ProbeError, Refused, Unreachable

REFUSALS = {  # RFC 2326, 11; RFC 7826, 17.4
    403: Cause.NO_RIGHT,
    407: Cause.LOGIN,
    453: Cause.BUSY,  # Not Enough Bandwidth
    503: Cause.BUSY,
}


async def dial(url: rtsp.Url, credentials: Credentials) -> Line:
    """A connection to where `url` says. Raises Unreachable; ProbeError for our own trouble."""
    where = f"RTSP at {url.host} port {url.port}"
    loop = asyncio.get_running_loop()
    try:
        _, wire = await loop.create_connection(Wire, url.host, url.port)
    except OSError as error:
        failure = ProbeError if ours(error) else Unreachable
        text = f"{where}: no TCP connection: {why(error)}"
        raise failure(text, cause=cause(error)) from None
    return Line(wire, credentials, where)


@dataclass(slots=True)
class Line:
    """One connection, one session at most."""

    _wire: Wire
    _credentials: Credentials
    where: str
    _sequence: int = 0
    _login: login.Login | None = None
    _accepted: bool = False  # the log-in was right once
    _session: str = ""
    _session_url: str = ""

    async def ask(self, method: str, uri: str, **headers: str) -> rtsp.Response:
        """The answer, if it is a yes. Raises Unreachable, Refused, Garbled.

        A log-in that was refused is not tried again: cameras lock an account after a few. A new
        nonce is no refusal, once per request.
        """
        renewed = False
        while True:
            known = self._login is not None
            answer = await self._exchange(method, uri, headers)
            if answer.status != 401:
                self._accepted = self._accepted or known
                return self._yes(method, answer)
            if known:
                fresh = self._accepted or login.stale(answer.challenges)
                if renewed or not fresh:
                    raise Refused(f"{self.where}: the log-in was refused", credentials=True)
                renewed = True
            self._login = self._answering(answer.challenges)

    def begin(self, answer: rtsp.Response, uri: str) -> None:
        """What SETUP opened is ended by TEARDOWN of `uri`, however the poll goes on."""
        try:
            self._session = answer.session()
        except rtsp.Malformed as error:
            raise self.garbled(f"SETUP: {error}") from None
        self._session_url = uri

    def listen(self, packets: Callable[[rtsp.Packet], None]) -> None:
        """From now on `packets` is given all that comes interleaved, as it comes."""
        self._wire.packets = packets

    async def end(self) -> None:
        """Until as much came as one poll may cost. Raises Garbled if it breaks off before."""
        try:
            await self._wire.end()
        except ProbeError as error:
            raise type(error)(f"{self.where}: {error}", cause=error.cause) from None

    async def farewell(self, patience_s: float) -> None:
        """Ends the session politely; a camera that does not answer is left all the same."""
        if self._wire.full():
            return
        try:
            async with asyncio.timeout(patience_s):
                await self._exchange("TEARDOWN", self._session_url, {})
        except (TimeoutError, ProbeError):
            return
        self._session = ""

    def close(self) -> None:
        """At once; a session that is still open is told to end, without waiting for a word."""
        if self._session:
            self._send("TEARDOWN", self._session_url, {})
        self._wire.close()

    def garbled(self, text: str) -> Garbled:
        return Garbled(f"{self.where}: {text}")

    async def _exchange(self, method: str, uri: str, headers: Mapping[str, str]) -> rtsp.Response:
        self._send(method, uri, headers)
        try:
            answer = await self._wire.answer()
        except ProbeError as error:
            text = f"{self.where}: {method}: {error}"
            raise type(error)(text, cause=error.cause) from None
        if answer.sequence not in (None, self._sequence):
            expected = f"expected the answer to request {self._sequence}"
            raise self.garbled(f"{method}: {expected}, got that to {answer.sequence}")
        return answer

    def _send(self, method: str, uri: str, headers: Mapping[str, str]) -> None:
        self._sequence += 1
        known = dict(headers)
        if self._session:
            known["Session"] = self._session
        if self._login is not None:
            cnonce = secrets.token_hex(8)
            known["Authorization"] = self._login.authorization(method, uri, cnonce)
        self._wire.send(rtsp.request(method, uri, self._sequence, known))

    def _yes(self, method: str, answer: rtsp.Response) -> rtsp.Response:
        if 200 <= answer.status < 300:
            return answer
        got = f"{answer.status} {answer.words}".strip()
        none = REFUSALS.get(answer.status, Cause.NO_STREAM)
        raise Refused(f"{self.where}: {method}: expected 200, got {got}", cause=none)

    def _answering(self, challenges: tuple[str, ...]) -> login.Login:
        username = self._credentials.get("username")
        if not username:
            wanted = "it wants a log-in, and this probe's `credentials:` hold none"
            text = f"{self.where}: {wanted}"
            raise Refused(text, credentials=True, cause=Cause.NO_LOGIN)
        try:
            return login.log_in(challenges, username, self._credentials.get("password"))
        except ValueError as error:
            raise Refused(f"{self.where}: log-in: {error}", credentials=True) from None
