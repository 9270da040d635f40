"""SOAP 1.2 as a device speaks it: a request's operation out of its envelope, answers and faults."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError, fromstring
from xml.sax.saxutils import escape

SOAP = "http://www.w3.org/2003/05/soap-envelope"
DEVICE = "http://www.onvif.org/ver10/device/wsdl"
MEDIA = "http://www.onvif.org/ver10/media/wsdl"
PTZ = "http://www.onvif.org/ver20/ptz/wsdl"
CONTENT_TYPE = "application/soap+xml; charset=utf-8"
_HEAD = (
    f'<?xml version="1.0" encoding="UTF-8"?>\n<env:Envelope xmlns:env="{SOAP}" xmlns:tds="{DEVICE}"'
    f' xmlns:trt="{MEDIA}" xmlns:tptz="{PTZ}" xmlns:tt="http://www.onvif.org/ver10/schema"'
    ' xmlns:ter="http://www.onvif.org/ver10/error"><env:Body>'
)
_TAIL = "</env:Body></env:Envelope>"
PREFIXES = {DEVICE: "tds", MEDIA: "trt", PTZ: "tptz"}


class Fault(Exception):
    """What the device answers instead. `codes`: Sender or Receiver, then ONVIF's (Core, 5.8.2)."""

    def __init__(self, codes: str, text: str) -> None:
        super().__init__(text)
        self.side, *self.codes = codes.split(".")

    @property
    def status(self) -> int:
        """SOAP 1.2, part 2, 7.5.2.2."""
        return 400 if self.side == "Sender" else 500


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: the operation's namespace and name, and what it says."""

    envelope: Element
    service: str
    name: str
    body: Element

    def text(self, name: str) -> str:
        """Of a child in the operation's own namespace; empty if there is none."""
        return self.body.findtext(f"{{{self.service}}}{name}", "").strip()


def read(data: bytes) -> Asked:
    """Raises Fault."""
    malformed = "Sender.WellFormed"
    if b"<!DOCTYPE" in data:
        raise Fault(malformed, "A document type is not allowed")
    try:
        envelope = fromstring(data)
    except ParseError as error:
        raise Fault(malformed, f"Not well formed: {error}") from None
    body = envelope.find(f"{{{SOAP}}}Body")
    if envelope.tag != f"{{{SOAP}}}Envelope" or body is None or len(body) != 1:
        raise Fault("VersionMismatch", "Expected an envelope of SOAP 1.2 with one operation")
    service, _, name = body[0].tag[1:].rpartition("}")
    return Asked(envelope, service, name, body[0])


def answer(asked: Asked, inner: str) -> bytes:
    """`inner` is XML, with the prefixes of `PREFIXES`, `tt` and `ter`."""
    name = f"{PREFIXES[asked.service]}:{asked.name}Response"
    return f"{_HEAD}<{name}>{inner}</{name}>{_TAIL}".encode()


def refusal(fault: Fault) -> bytes:
    inner = ""
    for code in reversed(fault.codes):
        inner = f"<env:Subcode><env:Value>ter:{code}</env:Value>{inner}</env:Subcode>"
    reason = f'<env:Reason><env:Text xml:lang="en">{escape(str(fault))}</env:Text></env:Reason>'
    code = f"<env:Code><env:Value>env:{fault.side}</env:Value>{inner}</env:Code>"
    return f"{_HEAD}<env:Fault>{code}{reason}</env:Fault>{_TAIL}".encode()
