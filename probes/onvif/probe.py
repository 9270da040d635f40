"""One ONVIF device as a probe: its clock and a signed question at every poll, the rest seldom."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from xml.etree.ElementTree import Element

from probes.onvif.head import OnvifHead
from probes.onvif.recall import Recall, Walking
from probes.onvif.session import LogIn, Session
from probes.wire import onvif, onvif_ptz
from probes.wire.http import Response
from probes.wire.onvif import DEVICE, MEDIA, MEDIA2, PTZ, Operation, Place, Profile
from probes.wire.onvif_skim import shape, skim_profiles
from probes.wire.soap import Malformed, clean
from secmon.api import Batch, Garbled, Layout, ProbeError, Reading, Refused, Target, arrange

SELDOM = 20  # polls: how often services, facts and stream addresses are asked again
STREAMS_MAX = 64  # of one device, without `channels`
PRESETS_TEXT = 512  # characters of the names of all presets
HALF = 0.5  # s: a device tells whole seconds, so that much is cut off on average


@dataclass(slots=True)
class Known:
    """What is known of one device. It outlives failed polls: nothing is learned twice."""

    log_in: LogIn
    until_seldom: int = 0  # polls
    services: Mapping[str, Place] = field(default_factory=dict)  # by namespace
    profiles: Sequence[Profile] = ()
    profiles_body: int | None = None  # hash of the answer that told them: not read twice
    profiles_shape: int | None = None  # and of what they hang on in it
    skims: bool = False  # an answer on them that was read in full was skimmed to the same
    clock_frame: int | None = None  # of the last answer on the time that was skimmed rightly
    facts: Mapping[str, str] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)  # operations that this log-in has no right to
    walking: Walking = field(default_factory=Walking)
    layout: Layout | None = None  # readings stand in one order: the clock, then channels
    whole_layout: Layout | None = None  # these, then presets

    def due(self) -> bool:
        """Counts a poll. Set before asking: a device that is slow here loses one poll, not all."""
        self.until_seldom -= 1
        if self.until_seldom > 0:
            return False
        self.until_seldom = SELDOM
        return True


class OnvifProbe:
    """Asks one device over connections that last one poll."""

    __slots__ = (
        "_address",
        "_channels",
        "_known",
        "_now",
        "_port",
        "_recall",
        "_timeout",
        "_where",
    )

    def __init__(
        self,
        target: Target,
        port: int,
        channels: Sequence[str],
        known: Known,
        now: Callable[[], datetime],
        *,
        recall: Recall | None = None,
    ) -> None:
        self._address = target.address
        self._timeout = target.timeout
        self._recall = recall
        self._port = port
        self._channels = channels
        self._known = known
        self._now = now
        self._where = f"onvif {target.address} port {port}"

    async def read(self) -> Batch:
        """One poll. Raises Unreachable, Refused, Garbled."""
        deadline = asyncio.get_running_loop().time() + self._timeout
        session = self._session()
        try:
            batch = await self._poll(session)
            if self._recall is None:
                return batch
            return await self._with_presets(batch, self._recall, session, deadline)
        except Refused as no:
            no.facts["clock_offset_seconds"] = round(self._known.log_in.ahead, 3)
            raise
        except Malformed as wrong:
            raise Garbled(f"{self._where}: {wrong}") from None
        finally:
            session.close()

    def _session(self) -> Session:
        return Session(self._address, self._known.log_in, self._now, self._where)

    async def _poll(self, session: Session) -> Batch:
        known = self._known
        try:
            readings = await self._clock(session)
        except BaseException:
            known.until_seldom = 0  # what answers next may be another device
            raise
        seldom = known.due()
        if seldom or not known.services:
            known.services = await self._services(session)
        changed = await self._check(session)
        if seldom or changed:
            known.until_seldom = SELDOM
            known.facts = await self._facts(session)
        for one in self._channels:
            readings.append(Reading("channel_present", self._profile(one) is not None, one))
        parts = tuple(reading.part for reading in readings)
        if known.layout is None or known.layout.parts != parts:
            known.layout, _ = arrange(readings)
        return Batch(known.layout, [reading.value for reading in readings], known.facts)

    async def _clock(self, session: Session) -> list[Reading]:
        """Asked without a log-in, which is signed by it. Some devices want one even here: the head
        of their refusal tells the time too."""
        before = self._now()
        try:
            told = await self._told(session)
        except Refused:
            told = None
        if told is None and session.last is not None:
            told = session.last.date
        if told is None:
            return []
        after = self._now()
        self._known.log_in.ahead = (told - before).total_seconds()
        middle = before + (after - before) / 2
        ahead = (told - middle).total_seconds() + HALF
        return [Reading("clock_offset_seconds", round(ahead, 3))]

    async def _told(self, session: Session) -> datetime | None:
        known = self._known
        response = await session.fetch(self._place(DEVICE), onvif.CLOCK, signed=False)
        frame, skimmed = onvif.clock_frame(response.body), onvif.skim_clock(response.body)
        if skimmed is not None and frame == known.clock_frame:
            return skimmed
        told = onvif.read_clock(session.open(response, onvif.CLOCK))
        known.clock_frame = frame if told is not None and told == skimmed else None
        return told

    async def _check(self, session: Session) -> bool:
        """A cheap question that needs the log-in. True: the profiles are others than before."""
        known, service = self._known, self._media()
        if service is None:
            await session.ask(self._place(DEVICE), onvif.INFORMATION)
            return False
        operation = onvif.PROFILES[service]
        response = await session.fetch(self._place(service), operation)
        seen = hash(response.body)
        if seen == known.profiles_body:
            return False
        seen_shape, changed = shape(response.body), False
        if seen_shape is None or seen_shape != known.profiles_shape:
            profiles = self._read_profiles(session, response, operation)
            changed, known.profiles = profiles != known.profiles, profiles
        known.profiles_body, known.profiles_shape = seen, seen_shape  # none that could not be read
        return changed

    def _read_profiles(
        self, session: Session, response: Response, operation: Operation
    ) -> tuple[Profile, ...]:
        known, skimmed = self._known, skim_profiles(response.body)
        if skimmed is not None and known.skims:
            return skimmed
        profiles = onvif.read_profiles(session.open(response, operation))
        known.skims = profiles == skimmed
        return profiles

    # --- presets of a head, where the site file names some ---

    async def _with_presets(
        self, batch: Batch, recall: Recall, session: Session, deadline: float
    ) -> Batch:
        token = self._head_token()
        offered = await self._offered(session, token)
        head = None
        if token:
            head = OnvifHead(session, self._place(PTZ), token, self._session)
        told = await recall.poll(self._known.walking, offered, head, deadline)
        pairs = zip(batch.layout.names, batch.layout.parts, batch.values, strict=True)
        readings = [Reading(name, value, part) for name, part, value in pairs]
        layout, values = arrange([*readings, *told.readings], self._known.whole_layout)
        self._known.whole_layout = layout
        return Batch(layout, values, {**batch.facts, **told.facts}, repeated=told.repeated)

    async def _offered(self, session: Session, token: str) -> Sequence[onvif_ptz.Preset] | None:
        """What the head can be sent to now; None where this log-in may not ask, or the answer is
        none. Asked at every poll, read when it changed."""
        walking, operation = self._known.walking, onvif_ptz.presets(token)
        if not token:
            return ()
        if operation.name in self._known.denied:
            return None
        try:
            response = await session.fetch(self._place(PTZ), operation)
            seen = hash(response.body)
            if seen != walking.offered_body:
                answer = session.open(response, operation)
                walking.offered, walking.offered_body = onvif_ptz.read_presets(answer), seen
        except Refused as no:
            if no.credentials:
                self._known.denied.add(operation.name)
            return None if no.credentials else ()
        except Garbled:
            return None
        return walking.offered

    # --- what is asked seldom ---

    async def _services(self, session: Session) -> Mapping[str, Place]:
        """The union of two answers: either may leave out PTZ, and a device may know only one. With
        neither, media is tried where most devices have it."""
        found: dict[str, str] = {DEVICE: ""}
        answered = False
        for operation, read in (
            (onvif.SERVICES, onvif.read_services),
            (onvif.CAPABILITIES, onvif.read_capabilities),
        ):
            try:
                answer = await session.ask(self._place(DEVICE), operation)
            except Refused as no:
                if no.credentials:
                    raise
            else:
                answered = True
                found = {**read(answer), **found}
        if not answered:
            found[MEDIA] = ""
        known = {name: found[name] for name in (DEVICE, MEDIA, MEDIA2, PTZ) if name in found}
        return {
            name: onvif.place(address, self._address, self._port) for name, address in known.items()
        }

    async def _facts(self, session: Session) -> Mapping[str, str]:
        """Who the device is, and where its streams are."""
        try:
            answer = await session.ask(self._place(DEVICE), onvif.INFORMATION)
            facts = onvif.read_information(answer)
        except ProbeError as error:
            if isinstance(error, Refused) and not error.credentials:
                facts = {}
            else:
                self._known.until_seldom = 0  # else this poll alone would fail, and the next not
                raise
        try:
            facts |= await self._streams(session)
            facts |= await self._presets(session)
            if (told := await self._may(session, DEVICE, onvif.INTERFACES)) is not None:
                facts["mac"] = onvif.read_mac(told)
        except Refused:
            pass  # one bad try; `_may` sees to it that there is no other of its kind
        hide = self._known.log_in.hide
        return {name: hide(text) for name, text in facts.items() if text}

    async def _streams(self, session: Session) -> dict[str, str]:
        """`stream_uri/CHANNEL` of each channel, and `stream_uri` of the first."""
        found: dict[str, str] = {}
        if (service := self._media()) is None:
            return found
        for name, profile in self._wanted():
            operation = onvif.stream_uri(service, profile.token)
            if (answer := await self._may(session, service, operation)) is None:
                continue
            if uri := onvif.read_uri(answer, self._address):
                found.setdefault("stream_uri", uri)
                found[f"stream_uri/{name}"] = uri
        return found

    async def _presets(self, session: Session) -> dict[str, str]:
        """The names of what the first head that moves can be sent to; it may have none."""
        token = self._head_token()
        if not token:
            return {}
        if (answer := await self._may(session, PTZ, onvif_ptz.presets(token))) is None:
            return {}
        names = (preset.name for preset in onvif_ptz.read_presets(answer))
        return {"presets": ", ".join(filter(None, names))[:PRESETS_TEXT]}

    async def _may(self, session: Session, service: str, operation: Operation) -> Element | None:
        """What a device may not know, or answer badly, without harm. Raises Refused when it says
        that this log-in has no right to ask: once, then it is not asked again."""
        denied = self._known.denied
        if operation.name in denied:
            return None
        try:
            return await session.ask(self._place(service), operation)
        except Garbled:
            return None
        except Refused as no:
            if not no.credentials:
                return None
            denied.add(operation.name)
            raise

    # --- what is known ---

    def _head_token(self) -> str:
        """The profile of the first head that moves; empty where there is none."""
        if PTZ not in self._known.services:
            return ""
        return next((one.token for _, one in self._wanted() if one.ptz), "")

    def _wanted(self) -> list[tuple[str, Profile]]:
        """The channels that the site file names, else every profile with a picture."""
        if self._channels:
            named = ((one, self._profile(one)) for one in self._channels)
            return [(name, profile) for name, profile in named if profile is not None]
        video = (one for one in self._known.profiles if one.video)
        return [(clean(one.token), one) for one in islice(video, STREAMS_MAX)]

    def _profile(self, channel: str) -> Profile | None:
        """By token, else by name."""
        profiles = self._known.profiles
        return next(
            (one for one in profiles if one.token == channel),
            next((one for one in profiles if one.name == channel), None),
        )

    def _media(self) -> str | None:
        return next((one for one in (MEDIA, MEDIA2) if one in self._known.services), None)

    def _place(self, service: str) -> Place:
        return self._known.services.get(service) or Place(self._port, onvif.DEVICE_PATH)
