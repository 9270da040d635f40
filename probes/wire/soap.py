"""SOAP 1.1 and 1.2 as a client of ONVIF needs them: envelopes as bytes, answers as elements.

Rules that hold here:
- The XML comes from a stranger: no document type, so no entity; size and count of markup bounded.
  expat keeps nothing of a document. (libxml2, so lxml, keeps every name it ever met in one table
  per thread: a hostile device that invents names makes that grow by 2 MB an answer, for ever.)
- Names count without namespace: which one a product took says nothing to us, and a real one sends
  prefixes that it never declared.
"""

from __future__ import annotations

import hashlib
import re
from binascii import b2a_base64
from datetime import datetime
from functools import lru_cache
from typing import NoReturn
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser
from xml.parsers import expat
from xml.sax.saxutils import escape

CONTENT_TYPE = "Content-Type: application/soap+xml; charset=utf-8"
MARKUP_MAX = 40_000  # "<" in one answer, and "=": an element costs a hundred times its four bytes
CODES_MAX = 6  # of one fault
TEXT_MAX = 128  # characters of a text that a device chose

_WSS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
_OPEN = b'<?xml version="1.0" encoding="UTF-8"?>\n'
_OPEN += b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope">'
_BODY = b"<s:Body>"
_CLOSE = b"</s:Body></s:Envelope>"
_SECURITY = (
    f'<s:Header><Security s:mustUnderstand="1" xmlns="{_WSS}wssecurity-secext-1.0.xsd">'
    "<UsernameToken><Username>%s</Username>"  # the others are left for each message
    f'<Password Type="{_WSS}username-token-profile-1.0#PasswordDigest">%%b</Password>'
    f'<Nonce EncodingType="{_WSS}soap-message-security-1.0#Base64Binary">%%b</Nonce>'
    f'<Created xmlns="{_WSS}wssecurity-utility-1.0.xsd">%%b</Created>'
    "</UsernameToken></Security></s:Header>"
)
_DECLARED = re.compile(rb"""\s*<\?xml[^>]{0,100}encoding\s*=\s*["']([A-Za-z0-9._-]{1,20})""")
_CHINESE = frozenset((b"gbk", b"gb2312", b"gb18030", b"cp936"))
_UNBOUND = expat.errors.codes[expat.errors.XML_ERROR_UNBOUND_PREFIX]
_HTML = re.compile(r"\s*(<!--.{0,500}?-->\s*)?<(!doctype\s+)?html", re.IGNORECASE | re.DOTALL)
_LOG_IN = re.compile(r"(?<=://)\S*@")
_CUT_URL = re.compile(r"://\S*$")  # its log-in may lie behind the cut
_DENIED = re.compile(  # codes of ONVIF Core 5.11.2 and of WS-Security 12
    "NotAuthorized|Unauthorized|FailedAuthentication|FailedCheck|InvalidSecurity(Token)?"
    "|SecurityTokenUnavailable",
    re.IGNORECASE,
)
_DENIED_WORDS = re.compile(r"not authori[sz]ed|unauthori[sz]ed|authentication", re.IGNORECASE)


class Malformed(Exception):
    """What came is no SOAP, or is the answer to another question."""


class Fault(Exception):
    """A SOAP fault. `codes`: the code and its subcodes without prefix; `text`: the reason."""

    def __init__(self, codes: tuple[str, ...], text: str) -> None:
        super().__init__(" ".join((*codes[-1:], f"({text})" if text else "")).strip() or "a fault")
        self.codes = codes
        self.text = text

    @property
    def denied(self) -> bool:
        """It is the log-in that was refused, or its rights."""
        return any(map(_DENIED.fullmatch, self.codes)) or bool(_DENIED_WORDS.search(self.text))


def envelope(body: bytes, header: bytes = b"") -> bytes:
    """A whole SOAP 1.2 message."""
    return b"".join((_OPEN, header, _BODY, body, _CLOSE))


def security(username: str, password: str, nonce: bytes, created: datetime) -> bytes:
    """The header that signs a message (WSS UsernameToken Profile 1.0, PasswordDigest). `created`:
    UTC by the device's own clock; `nonce`: made by chance for this message alone."""
    at = created.isoformat(timespec="seconds")[:19].encode() + b"Z"
    sha1 = hashlib.sha1(nonce + at + password.encode(), usedforsecurity=False).digest()
    signed = (b2a_base64(sha1, newline=False), b2a_base64(nonce, newline=False), at)
    return _security(username) % signed


@lru_cache(maxsize=64)
def _security(username: str) -> bytes:
    return (_SECURITY % escape(username).replace("%", "%%")).encode()


def parse(data: bytes, expected: str) -> Element:
    """The element `expected` of a message's body. Raises Fault, and Malformed for all else."""
    root = _tree(_utf8(data))
    if local(root) != "Envelope":
        raise Malformed(f"expected a SOAP envelope, got <{clean(local(root), 40)}>")
    body = child(root, "Body")
    if body is None or not len(body):
        raise Malformed("expected a SOAP body, got none")
    name = local(body[0])
    if name == "Fault":
        raise _fault(body[0])
    if name != expected:
        raise Malformed(f"expected {expected}, got {clean(name, 40)}")
    return body[0]


def well_formed(data: bytes) -> bool:
    """Would `parse` find elements in it, as they are, with every prefix declared? Half as dear."""
    try:
        if _utf8(data) is not data:
            return False
        _bound(data)
        expat.ParserCreate("utf-8", "}").Parse(data, True)
    except (Malformed, expat.ExpatError):
        return False
    return True


def local(element: Element) -> str:
    """The element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def children(element: Element, name: str) -> list[Element]:
    """Those of that name, whatever their namespace."""
    return [one for one in element if one.tag.rpartition("}")[2] == name]


def child(element: Element, *path: str) -> Element | None:
    """What the first child of each name leads to."""
    found: Element | None = element
    for name in path:
        if found is None:
            return None
        found = next((one for one in found if one.tag.rpartition("}")[2] == name), None)
    return found


def text(element: Element, *path: str) -> str:
    """What stands in there, without the space around it; empty if there is nothing."""
    found = child(element, *path)
    return ((found.text if found is not None else "") or "").strip()


def clean(raw: str, longest: int = TEXT_MAX) -> str:
    """A text that a device chose: one line, what is printable of it, no log-in of a URL in it."""
    line = " ".join(raw[: 8 * longest].split())
    if not line.isprintable():
        line = "".join(sign for sign in line if sign.isprintable())
    if "://" in line:
        if len(raw) > 8 * longest:
            line = _CUT_URL.sub("://", line)
        line = _LOG_IN.sub("***@", line)
    return line[:longest].strip()


def _utf8(data: bytes) -> bytes:
    """The message in UTF-8. Some products write GBK, and say so or say UTF-8."""
    found = _DECLARED.match(data)
    if not found or found[1].lower() not in _CHINESE:
        try:
            data.decode()
            return data.removeprefix(b"\xef\xbb\xbf")
        except UnicodeDecodeError:
            pass
    try:
        return data.decode("gb18030").encode()
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace").encode()


def _tree(data: bytes) -> Element:
    _bound(data)
    parser = XMLParser(encoding="utf-8")  # whatever is declared: it has been decoded
    try:
        parser.feed(data)
        return parser.close()
    except ParseError as error:
        if error.code != _UNBOUND:
            _explain(data, error)
    return _tree_without_namespaces(data)


def _bound(data: bytes) -> None:
    if len(data) > MARKUP_MAX < max(data.count(b"<"), data.count(b"=")):
        raise Malformed(f"expected at most {MARKUP_MAX} marks of XML, got more")
    if b"<!DOCTYPE" in data:
        raise Malformed(
            "expected SOAP, got a page of HTML"
            if _HTML.match(data[:1000].decode("utf-8", "replace"))
            else "expected XML without a document type, got <!DOCTYPE"
        )


def _tree_without_namespaces(data: bytes) -> Element:
    builder = TreeBuilder()

    def start(name: str, attributes: dict[str, str]) -> None:
        builder.start(name.rpartition(":")[2], attributes)

    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        _explain(data, error)
    return builder.close()


def _explain(data: bytes, error: Exception) -> NoReturn:
    if not data.strip():
        raise Malformed("expected SOAP, got an empty body")
    if _HTML.match(data[:1000].decode("utf-8", "replace")):
        raise Malformed("expected SOAP, got a page of HTML")
    raise Malformed(f"expected XML, got something else: {error}")


def _fault(fault: Element) -> Fault:
    """SOAP 1.2, part 1, 5.4; SOAP 1.1, 4.4."""
    codes = [text(fault, "Code", "Value"), text(fault, "faultcode")]
    inner = child(fault, "Code", "Subcode")
    while inner is not None and len(codes) < CODES_MAX:
        codes.append(text(inner, "Value"))
        inner = child(inner, "Subcode")
    names = (clean(code.rpartition(":")[2], 40) for code in codes)
    words = (
        text(fault, "Reason", "Text"),
        text(fault, "faultstring"),
        text(fault, "Detail", "Text"),
    )
    return Fault(tuple(filter(None, names)), clean(next(filter(None, words), "")))
