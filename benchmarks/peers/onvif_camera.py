"""A camera that answers ONVIF with prepared bodies of two profiles, 5 kB:
`python -m benchmarks.peers.onvif_camera new|same|renamed [RTSP]`. It hangs up after the profiles;
its streams are at the port RTSP.

The bodies have the shapes of ONVIF's WSDL, values made up. `new`: none is sent twice, a number in
a comment moves; `renamed`: a name in the profiles moves too, which no driver may pass over; `same`:
the profiles are sent again and again. Its port stands alone on the first line that it prints.
"""

from __future__ import annotations

import asyncio
import re
import sys
from itertools import count

import uvloop

SPACE = "http://www.onvif.org/ver10/tptz"
_ASKED = re.compile(rb"<(?:\w+:)?(Get\w+)")
_LENGTH = re.compile(rb"content-length: *([0-9]+)", re.IGNORECASE)


async def _serve(mode: str, rtsp: str = "554") -> None:
    numbers = count()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                name = await _asked(reader)
                body = BODIES[name].replace("PORT", str(port)).replace("RTSP", rtsp)
                number = "0" if mode == "same" else str(next(numbers))
                if mode == "renamed":
                    body = body.replace("<tt:Name>sound", f"<tt:Name>sound{number}")
                body = body.replace("NUMBER", number)
                last = "Connection: close\r\n" if name == "GetProfiles" else ""
                head = f"Content-Type: application/soap+xml\r\n{last}Content-Length: {len(body)}"
                writer.write(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n{body}".encode())
                if last:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(port, flush=True)
    await server.serve_forever()


async def _asked(reader: asyncio.StreamReader) -> str:
    """The operation of the next request."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    asked = _ASKED.search(await reader.readexactly(int(length[1]) if length else 0))
    return asked[1].decode() if asked else "nothing"


ADDRESS = "http://192.0.2.1/onvif/"


def _message(body: str) -> str:
    spaces = {
        "s": "http://www.w3.org/2003/05/soap-envelope",
        "tds": "http://www.onvif.org/ver10/device/wsdl",
        "trt": "http://www.onvif.org/ver10/media/wsdl",
        "tt": "http://www.onvif.org/ver10/schema",
    }
    declared = " ".join(f'xmlns:{prefix}="{name}"' for prefix, name in spaces.items())
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<s:Envelope {declared}>'
        f"<s:Body>{body}</s:Body></s:Envelope><!-- NUMBER -->"
    )


def _profile(number: int, width: int, height: int) -> str:
    return f"""
<trt:Profiles token="profile_{number}" fixed="true"><tt:Name>stream{number}</tt:Name>
<tt:VideoSourceConfiguration token="source"><tt:Name>source</tt:Name><tt:UseCount>2</tt:UseCount>
<tt:SourceToken>lens</tt:SourceToken><tt:Bounds x="0" y="0" width="{width}" height="{height}"/>
</tt:VideoSourceConfiguration>
<tt:AudioSourceConfiguration token="audio"><tt:Name>audio</tt:Name><tt:UseCount>2</tt:UseCount>
<tt:SourceToken>microphone</tt:SourceToken></tt:AudioSourceConfiguration>
<tt:VideoEncoderConfiguration token="encoder_{number}"><tt:Name>encoder{number}</tt:Name>
<tt:UseCount>1</tt:UseCount><tt:Encoding>H264</tt:Encoding>
<tt:Resolution><tt:Width>{width}</tt:Width><tt:Height>{height}</tt:Height></tt:Resolution>
<tt:Quality>3</tt:Quality><tt:RateControl><tt:FrameRateLimit>25</tt:FrameRateLimit>
<tt:EncodingInterval>1</tt:EncodingInterval><tt:BitrateLimit>4096</tt:BitrateLimit></tt:RateControl>
<tt:H264><tt:GovLength>50</tt:GovLength><tt:H264Profile>High</tt:H264Profile></tt:H264>
<tt:Multicast><tt:Address><tt:Type>IPv4</tt:Type><tt:IPv4Address>0.0.0.0</tt:IPv4Address>
</tt:Address><tt:Port>0</tt:Port><tt:TTL>5</tt:TTL><tt:AutoStart>false</tt:AutoStart></tt:Multicast>
<tt:SessionTimeout>PT60S</tt:SessionTimeout></tt:VideoEncoderConfiguration>
<tt:AudioEncoderConfiguration token="sound"><tt:Name>sound</tt:Name><tt:UseCount>2</tt:UseCount>
<tt:Encoding>G711</tt:Encoding><tt:Bitrate>64</tt:Bitrate><tt:SampleRate>8</tt:SampleRate>
<tt:SessionTimeout>PT60S</tt:SessionTimeout></tt:AudioEncoderConfiguration>
<tt:PTZConfiguration token="head"><tt:Name>head</tt:Name><tt:UseCount>2</tt:UseCount>
<tt:NodeToken>node</tt:NodeToken><tt:DefaultAbsolutePantTiltPositionSpace>{SPACE}/PanTiltSpaces/\
PositionGenericSpace</tt:DefaultAbsolutePantTiltPositionSpace><tt:DefaultPTZSpeed>
<tt:PanTilt x="0.5" y="0.5" space="{SPACE}/PanTiltSpaces/GenericSpeedSpace"/>
<tt:Zoom x="0.5" space="{SPACE}/ZoomSpaces/ZoomGenericSpeedSpace"/></tt:DefaultPTZSpeed>
<tt:DefaultPTZTimeout>PT10S</tt:DefaultPTZTimeout><tt:PanTiltLimits><tt:Range>
<tt:URI>{SPACE}/PanTiltSpaces/PositionGenericSpace</tt:URI>
<tt:XRange><tt:Min>-1</tt:Min><tt:Max>1</tt:Max></tt:XRange>
<tt:YRange><tt:Min>-1</tt:Min><tt:Max>1</tt:Max></tt:YRange></tt:Range></tt:PanTiltLimits>
<tt:ZoomLimits><tt:Range><tt:URI>{SPACE}/ZoomSpaces/PositionGenericSpace</tt:URI>
<tt:XRange><tt:Min>0</tt:Min><tt:Max>1</tt:Max></tt:XRange></tt:Range></tt:ZoomLimits>
</tt:PTZConfiguration></trt:Profiles>"""


def _service(namespace: str, path: str) -> str:
    return (
        f"<tds:Service><tds:Namespace>http://www.onvif.org/{namespace}/wsdl</tds:Namespace>"
        f"<tds:XAddr>http://127.0.0.1:PORT/onvif/{path}</tds:XAddr><tds:Version><tt:Major>2</tt:Major>"
        "<tt:Minor>5</tt:Minor></tds:Version></tds:Service>"
    )


BODIES = {
    "GetSystemDateAndTime": _message(
        "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime>"
        "<tt:DateTimeType>NTP</tt:DateTimeType><tt:DaylightSavings>false</tt:DaylightSavings>"
        "<tt:TimeZone><tt:TZ>CST-8</tt:TZ></tt:TimeZone><tt:UTCDateTime>"
        "<tt:Time><tt:Hour>1</tt:Hour><tt:Minute>2</tt:Minute><tt:Second>3</tt:Second></tt:Time>"
        "<tt:Date><tt:Year>2026</tt:Year><tt:Month>11</tt:Month><tt:Day>23</tt:Day></tt:Date>"
        "</tt:UTCDateTime></tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
    ),
    "GetProfiles": _message(
        "<trt:GetProfilesResponse>"
        f"{_profile(1, 1920, 1080)}{_profile(2, 640, 360)}</trt:GetProfilesResponse>"
    ),
    "GetServices": _message(
        "<tds:GetServicesResponse>"
        f"{_service('ver10/device', 'device_service')}{_service('ver10/media', 'media')}"
        "</tds:GetServicesResponse>"
    ),
    "GetCapabilities": _message(
        "<tds:GetCapabilitiesResponse><tds:Capabilities>"
        "<tt:Device><tt:XAddr>http://127.0.0.1:PORT/onvif/device_service</tt:XAddr></tt:Device>"
        "<tt:Media><tt:XAddr>http://127.0.0.1:PORT/onvif/media</tt:XAddr><tt:StreamingCapabilities/></tt:Media>"
        "</tds:Capabilities></tds:GetCapabilitiesResponse>"
    ),
    "GetDeviceInformation": _message(
        "<tds:GetDeviceInformationResponse><tds:Manufacturer>Example</tds:Manufacturer>"
        "<tds:Model>Camera</tds:Model><tds:FirmwareVersion>1.0</tds:FirmwareVersion>"
        "<tds:SerialNumber>1</tds:SerialNumber><tds:HardwareId>1</tds:HardwareId>"
        "</tds:GetDeviceInformationResponse>"
    ),
    "GetStreamUri": _message(
        "<trt:GetStreamUriResponse><trt:MediaUri><tt:Uri>rtsp://192.0.2.1:RTSP/sub</tt:Uri>"
        "<tt:InvalidAfterConnect>false</tt:InvalidAfterConnect>"
        "<tt:InvalidAfterReboot>false</tt:InvalidAfterReboot><tt:Timeout>PT60S</tt:Timeout>"
        "</trt:MediaUri></trt:GetStreamUriResponse>"
    ),
    "GetNetworkInterfaces": _message(
        "<tds:GetNetworkInterfacesResponse></tds:GetNetworkInterfacesResponse>"
    ),
}


if __name__ == "__main__":
    uvloop.run(_serve(*sys.argv[1:]))
