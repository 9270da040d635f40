"""An ONVIF device that a test plays on 127.0.0.1: its answers, its clock, its way of logging in.

Written from the WSDL and RFC 7616 by hand, with no code of the driver, so that both must be right.
"""

import asyncio
import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

USER, PASSWORD = "operator", "s3cret-&<"
SOAP12 = "http://www.w3.org/2003/05/soap-envelope"
SPACES = {
    "tds": "http://www.onvif.org/ver10/device/wsdl",
    "trt": "http://www.onvif.org/ver10/media/wsdl",
    "tptz": "http://www.onvif.org/ver20/ptz/wsdl",
    "tt": "http://www.onvif.org/ver10/schema",
}


def message(body: str, spaces: dict[str, str] | None = None, soap: str = SOAP12) -> str:
    declared = "".join(
        f' xmlns:{prefix}="{name}"'
        for prefix, name in (SPACES if spaces is None else spaces).items()
    )
    return f'<s:Envelope xmlns:s="{soap}"{declared}><s:Body>{body}</s:Body></s:Envelope>'


def fault(code: str, text: str = "no") -> str:
    return message(
        "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>ter:"
        f"{code}</s:Value></s:Subcode></s:Code><s:Reason><s:Text>{text}</s:Text></s:Reason>"
        "</s:Fault>"
    )


def clock(at: datetime) -> str:
    return message(
        "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime>"
        "<tt:DateTimeType>Manual</tt:DateTimeType><tt:UTCDateTime>"
        f"<tt:Time><tt:Hour>{at.hour}</tt:Hour><tt:Minute>{at.minute}</tt:Minute>"
        f"<tt:Second>{at.second}</tt:Second></tt:Time>"
        f"<tt:Date><tt:Year>{at.year}</tt:Year><tt:Month>{at.month}</tt:Month>"
        f"<tt:Day>{at.day}</tt:Day></tt:Date></tt:UTCDateTime>"
        "</tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
    )


def profiles(*rows: tuple[str, str, bool]) -> str:
    """Rows of token, name, and whether it moves a head."""
    made = "".join(
        f'<trt:Profiles token="{token}"><tt:Name>{name}</tt:Name>'
        '<tt:VideoEncoderConfiguration token="v"><tt:Encoding>H264</tt:Encoding>'
        "</tt:VideoEncoderConfiguration>"
        + ('<tt:PTZConfiguration token="p"/>' if ptz else "")
        + "</trt:Profiles>"
        for token, name, ptz in rows
    )
    return message(f"<trt:GetProfilesResponse>{made}</trt:GetProfilesResponse>")


def services(**addresses: str) -> str:
    """By the prefix of the namespace."""
    made = "".join(
        f"<tds:Service><tds:Namespace>{SPACES[prefix]}</tds:Namespace>"
        f"<tds:XAddr>{address}</tds:XAddr></tds:Service>"
        for prefix, address in addresses.items()
    )
    return message(f"<tds:GetServicesResponse>{made}</tds:GetServicesResponse>")


def capabilities(**addresses: str) -> str:
    made = "".join(
        f"<tt:{name}><tt:XAddr>{address}</tt:XAddr></tt:{name}>"
        for name, address in addresses.items()
    )
    return message(
        f"<tds:GetCapabilitiesResponse><tds:Capabilities>{made}</tds:Capabilities>"
        "</tds:GetCapabilitiesResponse>"
    )


def information(**texts: str) -> str:
    made = "".join(f"<tds:{name}>{text}</tds:{name}>" for name, text in texts.items())
    return message(f"<tds:GetDeviceInformationResponse>{made}</tds:GetDeviceInformationResponse>")


def stream(uri: str) -> str:
    return message(
        f"<trt:GetStreamUriResponse><trt:MediaUri><tt:Uri>{uri}</tt:Uri></trt:MediaUri>"
        "</trt:GetStreamUriResponse>"
    )


def presets(*rows: tuple[str, str]) -> str:
    made = "".join(
        f'<tptz:Preset token="{token}"><tt:Name>{name}</tt:Name></tptz:Preset>'
        for token, name in rows
    )
    return message(f"<tptz:GetPresetsResponse>{made}</tptz:GetPresetsResponse>")


INTERFACES = message(
    "<tds:GetNetworkInterfacesResponse><tds:NetworkInterfaces><tt:Enabled>true</tt:Enabled>"
    "<tt:Info><tt:HwAddress>00-00-5E-00-53-01</tt:HwAddress></tt:Info></tds:NetworkInterfaces>"
    "</tds:GetNetworkInterfacesResponse>"
)

Answer = str | bytes | Callable[[str], str | bytes]
"""A body of SOAP; bytes: the whole answer of HTTP; or what makes either of the request's body."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came."""

    name: str
    path: str
    head: str
    body: str
    connection: int

    @property
    def signed(self) -> bool:
        return "UsernameToken" in self.body or "Authorization:" in self.head


@dataclass(slots=True)
class Device:
    """`log_in`: none, wsse or digest (then also `algorithm`). `free`: operations without it."""

    log_in: str = "wsse"
    algorithm: str = "MD5"
    ahead_s: float = 0.0
    free: set[str] = field(default_factory=lambda: {"GetSystemDateAndTime"})
    keeps: bool = True  # its connections
    dates: bool = False  # its heads
    answers: dict[str, Answer] = field(default_factory=dict)
    password: str = PASSWORD
    nonce: str = "nonce-1"
    says_stale: bool = True
    new_nonces: bool = False  # with every challenge; none before it is good any more
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    bad_log_ins: int = 0
    created: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.answers = {
            "GetSystemDateAndTime": lambda _: clock(self.now()),
            "GetProfiles": profiles(("main", "Main", True), ("sub", "Sub", True)),
            "GetServices": services(
                tds="http://192.0.2.9/onvif/device_service", trt="http://192.0.2.9/onvif/media"
            ),
            "GetCapabilities": capabilities(PTZ="http://192.0.2.9/onvif/ptz"),
            "GetDeviceInformation": information(Manufacturer="Example", Model="X100"),
            "GetStreamUri": self._stream,
            "GetPresets": presets(("1", "Home"), ("2", "Gate"), ("3", "")),
            "GetNetworkInterfaces": INTERFACES,
            **self.answers,
        }

    def names(self) -> list[str]:
        return [one.name for one in self.asked]

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.ahead_s)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        mine = self.connections
        while True:
            try:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
            except asyncio.IncompleteReadError:
                return
            length = re.search(r"content-length: *(\d+)", head, re.IGNORECASE)
            body = (await reader.readexactly(int(length[1]) if length else 0)).decode()
            found = re.search(r"<s:Body><(\w+) xmlns", body)
            name = found[1] if found else ""
            asked = Asked(name, head.split()[1], head, body, mine)
            self.asked.append(asked)
            writer.write(self._answer(asked))
            await writer.drain()
            if not self.keeps:
                return

    def _answer(self, asked: Asked) -> bytes:
        if asked.name not in self.free and not self._lets_in(asked):
            headers = ""
            if self.log_in == "digest":
                if self.new_nonces:
                    self.nonce = f"nonce-{len(self.asked)}-"
                aged = self.says_stale and "nonce" in asked.head and self.nonce not in asked.head
                stale = "stale=true, " if aged else ""
                headers = (
                    f'WWW-Authenticate: Digest realm="cam \\"1\\"", qop="auth,auth-int", {stale}'
                    f'nonce="{self.nonce}", opaque="o", algorithm={self.algorithm}\r\n'
                )
            return self.http(fault("NotAuthorized", "Sender not Authorized"), 401, headers)
        answer = self.answers.get(asked.name, fault("ActionNotSupported"))
        made = answer(asked.body) if callable(answer) else answer
        return made if isinstance(made, bytes) else self.http(made, 200)

    def http(self, body: str, status: int, headers: str = "") -> bytes:
        data = body.encode()
        if self.dates:
            headers += f"Date: {self.now():%a, %d %b %Y %H:%M:%S GMT}\r\n"
        if not self.keeps:
            headers += "Connection: close\r\n"
        head = f"HTTP/1.1 {status} So\r\nContent-Length: {len(data)}\r\n{headers}\r\n"
        return head.encode() + data

    def _lets_in(self, asked: Asked) -> bool:
        good = {"none": lambda _: True, "wsse": self._wsse, "digest": self._digest}[self.log_in]
        if good(asked):
            return True
        self.bad_log_ins += asked.signed
        return False

    def _wsse(self, asked: Asked) -> bool:
        def said(name: str) -> str:
            found = re.search(rf"<{name}[^>]*>([^<]*)</{name}>", asked.body)
            return found[1] if found else ""

        created, nonce = said("Created"), base64.b64decode(said("Nonce"))
        digest = hashlib.sha1(nonce + created.encode() + self.password.encode()).digest()
        if not created or base64.b64encode(digest).decode() != said("Password"):
            return False
        self.created.append(created)
        at = datetime.fromisoformat(created)
        return said("Username") == USER and abs((at - self.now()).total_seconds()) < 5

    def _digest(self, asked: Asked) -> bool:
        found = re.search(r"^Authorization: Digest (.*)\r$", asked.head, re.MULTILINE)
        if not found:
            return False
        pairs = re.findall(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|(\w[\w-]*))', found[1])
        said = {name: quoted or plain for name, quoted, plain in pairs}
        make = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}[self.algorithm]

        def digest(text: str) -> str:
            return make(text.encode()).hexdigest()

        account = digest(f'{USER}:cam "1":{self.password}')
        action = digest(f"POST:{asked.path}")
        middle = f"{said['nonce']}:{said['nc']}:{said['cnonce']}:auth"
        return (
            said["nonce"] == self.nonce
            and said["username"] == USER
            and said["uri"] == asked.path
            and said["opaque"] == "o"
            and said["response"] == digest(f"{account}:{middle}:{action}")
        )

    @staticmethod
    def _stream(body: str) -> str:
        token = re.search(r"<ProfileToken>(.*)</ProfileToken>", body)
        return stream(f"rtsp://admin:pw@192.0.2.9:8554/{token[1] if token else ''}?a=1&amp;b=2")
