"""The SNMP engine: a few unconnected UDP sockets for all devices, one future per poll.

A datagram counts as a reply only if its source address, its request-id and its OIDs are those of a
request under way; a request is forgotten only after its reply was decoded to the end, so a broken
or foreign datagram can neither answer nor end it. UDP loses datagrams: a request without a reply
is sent again after `patience_s`. The whole poll's time is the caller's.

Of v3, msgID and request-id are one number, and what came is judged by the request's seal. A report
that nobody signed ends a request only if no answer comes for half of `patience_s` after it.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from probes.snmp.exchange import Declined, Exchange, Peer, Reported, Request, Seal, Silent
from probes.snmp.sockets import Address, bound, resolve
from probes.wire import snmp, snmp_v3
from probes.wire.ber import Malformed
from probes.wire.local import cause, ours, why
from secmon.api import Garbled, ProbeError, Unreachable

SOCKETS = 4  # per address family: a burst of replies spreads over their buffers
PER_WAKE_UP = 64  # datagrams, so that a flood cannot starve the loop
MAX_DATAGRAM = 65535
SMALL = 8  # varbinds: a request of no more is never taken for one that is too big


class Engine:
    """Asks any number of devices over the sockets of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._sockets: dict[int, list[socket.socket]] = {}
        self._peers: dict[Address, Peer] = {}
        self._opened = 0
        span = snmp.LAST_REQUEST_ID - snmp.FIRST_REQUEST_ID
        self._last_id = snmp.FIRST_REQUEST_ID + secrets.randbelow(span)
        self.strays = 0  # datagrams that answered nothing under way

    @asynccontextmanager
    async def peer(self, host: str, port: int) -> AsyncIterator[Peer]:
        """The device at this address, to be asked while the context lasts. Unreachable."""
        family, address = await resolve(self._loop, host, port)
        peer = self._peers.get(address)
        if peer is None:
            peer = self._peers[address] = Peer(address, self._socket(family))
        peer.users += 1
        try:
            yield peer
        finally:
            peer.users -= 1
            if not peer.users:
                del self._peers[address]

    async def ask(
        self,
        peer: Peer,
        requests: Sequence[Request],
        patience_s: float,
        *,
        seal: Seal | None = None,
        brief: bool = False,
    ) -> list[Any]:
        """The answers to all requests in a row. Declined, Silent, Reported, Garbled, Unreachable;
        waits for a small request, unless `brief`, without end: the caller's time-out ends it."""
        future: asyncio.Future[list[Any]] = self._loop.create_future()
        exchange = Exchange(peer, requests, patience_s, future, seal=seal, brief=brief)
        self._send_next(exchange)
        exchange.timer = self._loop.call_later(patience_s, self._overdue, exchange)
        try:
            return await exchange.future
        finally:
            exchange.timer.cancel()
            peer.pending.pop(exchange.request_id, None)

    def close(self) -> None:
        """Closes all sockets; whoever still waits goes on waiting."""
        for sock in (sock for group in self._sockets.values() for sock in group):
            self._loop.remove_reader(sock.fileno())
            sock.close()
        self._sockets.clear()

    # --- out ---

    def _send_next(self, exchange: Exchange) -> None:
        last = self._last_id
        self._last_id = last + 1 if last < snmp.LAST_REQUEST_ID else snmp.FIRST_REQUEST_ID
        exchange.request_id = self._last_id
        exchange.peer.pending[self._last_id] = exchange
        exchange.resent = 0
        self._send(exchange)

    def _send(self, exchange: Exchange) -> None:
        exchange.sent_at = self._loop.time()
        data = exchange.datagram()
        try:
            exchange.peer.sock.sendto(data, exchange.peer.address)
        except (BlockingIOError, InterruptedError):
            pass  # a full buffer loses a datagram as any router may: it is sent again
        except OSError as error:
            kind = ProbeError if ours(error) else Unreachable
            exchange.fail(
                kind(f"SNMP over UDP to {exchange.peer}: {why(error)}", cause=cause(error))
            )

    def _overdue(self, exchange: Exchange) -> None:
        """Sends again what nobody answered for `patience_s`; gives up some requests after two."""
        if exchange.future.done():
            return
        if exchange.report is not None:
            exchange.fail(exchange.report)
            return
        remaining = exchange.sent_at + exchange.patience_s - self._loop.time()
        if remaining < 0.001:
            if exchange.resent and exchange.garbage:
                came = f"SNMP from {exchange.peer}: {exchange.garbage}"
                exchange.fail(Garbled(came))
                return
            much = len(exchange.requests[exchange.place]) > SMALL
            if exchange.resent and (much or exchange.brief):
                exchange.fail(Silent())
                return
            exchange.resent += 1
            self._send(exchange)
            remaining = exchange.patience_s
        exchange.timer = self._loop.call_later(remaining, self._overdue, exchange)

    # --- in ---

    def _receive(self, sock: socket.socket) -> None:
        """The socket has datagrams: takes at most PER_WAKE_UP, the loop comes back for the rest."""
        peers = self._peers
        for _ in range(PER_WAKE_UP):
            try:
                data, source = sock.recvfrom(MAX_DATAGRAM)
            except OSError:
                return  # nothing more, or an error that the next sending meets again
            peer = peers.get(source)
            if peer is None:
                self.strays += 1
                continue
            try:
                self._take(peer, data)
            except Malformed as error:
                self._note(peer, str(error))

    def _take(self, peer: Peer, data: bytes) -> None:
        """Gives the datagram to the exchange that it answers. Malformed: it answers none."""
        for exchange in peer.pending.values():
            if exchange.seal is None:
                got = exchange.requests[exchange.place].quick(data)
                if got is not None and got[0] == exchange.request_id:
                    del got[0]
                    self._advance(exchange, got)
                    return
        if snmp_v3.is_v3(data):
            self._unseal(peer, snmp_v3.opened(data))
            return
        head = snmp.opened(data)
        pending = peer.pending.get(head.request_id)
        if pending is None:
            self._stray(peer, head.request_id)
        elif pending.seal is not None:
            raise Malformed(f"expected SNMP version 3 (got version field {head.version})")
        else:
            self._answer(pending, head, data)

    def _unseal(self, peer: Peer, message: snmp_v3.Message) -> None:
        """Gives a v3 message to the exchange that it answers. Malformed."""
        pending = peer.pending.get(message.msg_id)
        if pending is None:
            self._stray(peer, message.msg_id)
            return
        if pending.seal is None:
            raise Malformed(f"expected SNMP version 1 or 2c (got version field {snmp.V3})")
        try:
            pdu = pending.seal.opened(message)
        except Reported as report:
            self._report(pending, report)
            return
        got = pending.requests[pending.place].quick(pdu)
        if got is not None and got[0] == pending.request_id:
            del got[0]
            self._advance(pending, got)
            return
        head = snmp.opened_pdu(pdu)
        if head.request_id != pending.request_id:
            raise Malformed(f"expected request-id {pending.request_id} (got {head.request_id})")
        self._answer(pending, head, pdu)

    def _answer(self, pending: Exchange, head: snmp.Head, data: bytes) -> None:
        if head.pdu != snmp.RESPONSE:
            raise Malformed(f"expected a Response (got PDU type {head.pdu:02x})")
        if head.status:
            pending.fail(Declined(head.status, head.index))
            return
        self._advance(pending, pending.requests[pending.place].decode(data, head))

    def _report(self, pending: Exchange, report: Reported) -> None:
        """One that may be believed ends the exchange; another one gives the answer its time."""
        if report.at_once:
            pending.fail(report)
        elif pending.report is None and pending.timer is not None:
            pending.report = report
            pending.timer.cancel()
            grace_s = pending.patience_s / 2
            pending.timer = self._loop.call_later(grace_s, self._overdue, pending)

    def _advance(self, exchange: Exchange, got: Sequence[Any]) -> None:
        del exchange.peer.pending[exchange.request_id]
        exchange.answers += got
        exchange.place += 1
        exchange.garbage = ""
        exchange.report = None
        if exchange.place < len(exchange.requests):
            self._send_next(exchange)
        elif not exchange.future.done():
            exchange.future.set_result(exchange.answers)

    def _stray(self, peer: Peer, request_id: int) -> None:
        """A late or doubled reply is no fault; a request-id that was never ours is garbage."""
        self.strays += 1
        for exchange in peer.pending.values():
            if not 0 <= exchange.request_id - request_id < 1 << 20:
                text = f"expected request-id {exchange.request_id} (got {request_id})"
                exchange.garbage = text

    def _note(self, peer: Peer, text: str) -> None:
        self.strays += 1
        for exchange in peer.pending.values():
            exchange.garbage = text

    # --- sockets ---

    def _socket(self, family: int) -> socket.socket:
        group = self._sockets.setdefault(family, [])
        self._opened += 1
        if len(group) >= SOCKETS:
            return group[self._opened % SOCKETS]
        try:
            sock = bound(family)
        except OSError as error:
            raise ProbeError(f"SNMP: no UDP socket on this machine: {why(error)}") from None
        group.append(sock)
        self._loop.add_reader(sock.fileno(), self._receive, sock)
        return sock


@asynccontextmanager
async def engine() -> AsyncIterator[Engine]:
    """An engine on the running loop; its sockets are closed at the end."""
    made = Engine(asyncio.get_running_loop())
    try:
        yield made
    finally:
        made.close()
