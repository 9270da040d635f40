"""What a simulated device says, as XML: the shapes and their order are those of ONVIF's WSDL."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from xml.sax.saxutils import escape, quoteattr

from probes.simulators.onvif.head import LEAST, MOST, Head, Position, Preset
from probes.simulators.onvif.soap import PREFIXES

SPACES = "http://www.onvif.org/ver10/tptz"
PAN_TILT = f"{SPACES}/PanTiltSpaces/PositionGenericSpace"
ZOOM = f"{SPACES}/ZoomSpaces/PositionGenericSpace"
NODE = "node-1"


def clock(at: datetime) -> str:
    """`at` in UTC. The device's local time is the same: it has no idea where it hangs."""
    moment = (
        f"<tt:Time><tt:Hour>{at.hour}</tt:Hour><tt:Minute>{at.minute}</tt:Minute>"
        f"<tt:Second>{at.second}</tt:Second></tt:Time><tt:Date><tt:Year>{at.year}</tt:Year>"
        f"<tt:Month>{at.month}</tt:Month><tt:Day>{at.day}</tt:Day></tt:Date>"
    )
    return (
        "<tds:SystemDateAndTime><tt:DateTimeType>Manual</tt:DateTimeType>"
        "<tt:DaylightSavings>false</tt:DaylightSavings><tt:TimeZone><tt:TZ>UTC0</tt:TZ>"
        f"</tt:TimeZone><tt:UTCDateTime>{moment}</tt:UTCDateTime>"
        f"<tt:LocalDateTime>{moment}</tt:LocalDateTime></tds:SystemDateAndTime>"
    )


def information(maker: str, model: str, firmware: str, serial: str) -> str:
    return (
        f"<tds:Manufacturer>{escape(maker)}</tds:Manufacturer><tds:Model>{escape(model)}</tds:Model>"
        f"<tds:FirmwareVersion>{escape(firmware)}</tds:FirmwareVersion>"
        f"<tds:SerialNumber>{escape(serial)}</tds:SerialNumber>"
        "<tds:HardwareId>1.0</tds:HardwareId>"
    )


def services(addresses: Mapping[str, str]) -> str:
    """Namespace → address."""
    return "".join(
        f"<tds:Service><tds:Namespace>{name}</tds:Namespace><tds:XAddr>{address}</tds:XAddr>"
        "<tds:Version><tt:Major>2</tt:Major><tt:Minor>6</tt:Minor></tds:Version></tds:Service>"
        for name, address in addresses.items()
    )


def capabilities(addresses: Mapping[str, str]) -> str:
    known = {
        PREFIXES[name]: f"<tt:XAddr>{address}</tt:XAddr>" for name, address in addresses.items()
    }
    streaming = (
        "<tt:StreamingCapabilities><tt:RTPMulticast>false</tt:RTPMulticast><tt:RTP_TCP>true"
        "</tt:RTP_TCP><tt:RTP_RTSP_TCP>true</tt:RTP_RTSP_TCP></tt:StreamingCapabilities>"
    )
    ptz = f"<tt:PTZ>{known['tptz']}</tt:PTZ>" if "tptz" in known else ""
    return (
        f"<tds:Capabilities><tt:Device>{known['tds']}</tt:Device>"
        f"<tt:Media>{known['trt']}{streaming}</tt:Media>{ptz}</tds:Capabilities>"
    )


def interfaces(mac: str) -> str:
    return (
        '<tds:NetworkInterfaces token="eth0"><tt:Enabled>true</tt:Enabled><tt:Info>'
        f"<tt:Name>eth0</tt:Name><tt:HwAddress>{mac}</tt:HwAddress><tt:MTU>1500</tt:MTU></tt:Info>"
        "<tt:IPv4><tt:Enabled>true</tt:Enabled><tt:Config><tt:Manual><tt:Address>127.0.0.1"
        "</tt:Address><tt:PrefixLength>8</tt:PrefixLength></tt:Manual><tt:DHCP>false</tt:DHCP>"
        "</tt:Config></tt:IPv4></tds:NetworkInterfaces>"
    )


def profiles(names: Mapping[str, str], width: int, height: int, ptz: bool) -> str:
    """Token → name, one video source each."""
    head = f"<tt:PTZConfiguration {_configuration()}</tt:PTZConfiguration>" if ptz else ""
    return "".join(
        f'<trt:Profiles token={quoteattr(token)} fixed="true"><tt:Name>{escape(name)}</tt:Name>'
        f"{_source(number, width, height)}{_encoder(number, width, height)}{head}</trt:Profiles>"
        for number, (token, name) in enumerate(names.items(), 1)
    )


def _source(number: int, width: int, height: int) -> str:
    return (
        f'<tt:VideoSourceConfiguration token="source-{number}"><tt:Name>source {number}</tt:Name>'
        f"<tt:UseCount>1</tt:UseCount><tt:SourceToken>video-{number}</tt:SourceToken>"
        f'<tt:Bounds x="0" y="0" width="{width}" height="{height}"/></tt:VideoSourceConfiguration>'
    )


def _encoder(number: int, width: int, height: int) -> str:
    return (
        f'<tt:VideoEncoderConfiguration token="encoder-{number}">'
        f"<tt:Name>encoder {number}</tt:Name><tt:UseCount>1</tt:UseCount>"
        "<tt:Encoding>H264</tt:Encoding><tt:Resolution><tt:Width>"
        f"{width}</tt:Width><tt:Height>{height}</tt:Height></tt:Resolution><tt:Quality>5</tt:Quality>"
        "<tt:RateControl><tt:FrameRateLimit>10</tt:FrameRateLimit><tt:EncodingInterval>1"
        "</tt:EncodingInterval><tt:BitrateLimit>128</tt:BitrateLimit></tt:RateControl><tt:H264>"
        "<tt:GovLength>10</tt:GovLength><tt:H264Profile>Baseline</tt:H264Profile></tt:H264>"
        "<tt:Multicast><tt:Address><tt:Type>IPv4</tt:Type><tt:IPv4Address>0.0.0.0</tt:IPv4Address>"
        "</tt:Address><tt:Port>0</tt:Port><tt:TTL>0</tt:TTL><tt:AutoStart>false</tt:AutoStart>"
        "</tt:Multicast><tt:SessionTimeout>PT60S</tt:SessionTimeout></tt:VideoEncoderConfiguration>"
    )


def stream_uri(uri: str) -> str:
    return (
        f"<trt:MediaUri><tt:Uri>{escape(uri)}</tt:Uri><tt:InvalidAfterConnect>false"
        "</tt:InvalidAfterConnect><tt:InvalidAfterReboot>false</tt:InvalidAfterReboot>"
        "<tt:Timeout>PT60S</tt:Timeout></trt:MediaUri>"
    )


# --- the head ---


def abilities() -> str:
    return (
        '<tptz:Capabilities EFlip="false" Reverse="false" GetCompatibleConfigurations="false"'
        ' MoveStatus="true" StatusPosition="true"/>'
    )


def nodes() -> str:
    return (
        f'<tptz:PTZNode token="{NODE}" FixedHomePosition="false"><tt:Name>head</tt:Name>'
        "<tt:SupportedPTZSpaces>"
        f"<tt:AbsolutePanTiltPositionSpace>{_pan_tilt_range()}</tt:AbsolutePanTiltPositionSpace>"
        f"<tt:AbsoluteZoomPositionSpace>{_zoom_range()}</tt:AbsoluteZoomPositionSpace>"
        "</tt:SupportedPTZSpaces><tt:MaximumNumberOfPresets>300</tt:MaximumNumberOfPresets>"
        "<tt:HomeSupported>false</tt:HomeSupported></tptz:PTZNode>"
    )


def configurations() -> str:
    return f"<tptz:PTZConfiguration {_configuration()}</tptz:PTZConfiguration>"


def _configuration() -> str:
    """From its first attribute to its last child."""
    return (
        f'token="ptz-1"><tt:Name>head</tt:Name><tt:UseCount>1</tt:UseCount>'
        f"<tt:NodeToken>{NODE}</tt:NodeToken>"
        f"<tt:DefaultAbsolutePantTiltPositionSpace>{PAN_TILT}"
        "</tt:DefaultAbsolutePantTiltPositionSpace>"
        f"<tt:DefaultAbsoluteZoomPositionSpace>{ZOOM}</tt:DefaultAbsoluteZoomPositionSpace>"
        "<tt:DefaultPTZTimeout>PT5S</tt:DefaultPTZTimeout>"
        f"<tt:PanTiltLimits><tt:Range>{_pan_tilt_range()}</tt:Range></tt:PanTiltLimits>"
        f"<tt:ZoomLimits><tt:Range>{_zoom_range()}</tt:Range></tt:ZoomLimits>"
    )


def _pan_tilt_range() -> str:
    return (
        f"<tt:URI>{PAN_TILT}</tt:URI><tt:XRange>{_range(0)}</tt:XRange>"
        f"<tt:YRange>{_range(1)}</tt:YRange>"
    )


def _zoom_range() -> str:
    return f"<tt:URI>{ZOOM}</tt:URI><tt:XRange>{_range(2)}</tt:XRange>"


def _range(axis: int) -> str:
    return f"<tt:Min>{LEAST[axis]}</tt:Min><tt:Max>{MOST[axis]}</tt:Max>"


def presets(known: Mapping[str, Preset]) -> str:
    return "".join(
        f"<tptz:Preset token={quoteattr(token)}><tt:Name>{escape(preset.name)}</tt:Name>"
        f"<tt:PTZPosition>{_position(preset.at)}</tt:PTZPosition></tptz:Preset>"
        for token, preset in known.items()
    )


def status(head: Head, at: datetime) -> str:
    word = "MOVING" if head.moving else "IDLE"
    return (
        f"<tptz:PTZStatus><tt:Position>{_position(head.position)}</tt:Position><tt:MoveStatus>"
        f"<tt:PanTilt>{word}</tt:PanTilt><tt:Zoom>{word}</tt:Zoom></tt:MoveStatus>"
        f"<tt:UtcTime>{at:%Y-%m-%dT%H:%M:%SZ}</tt:UtcTime></tptz:PTZStatus>"
    )


def _position(at: Position) -> str:
    pan, tilt, zoom = at
    return (
        f'<tt:PanTilt x="{pan:.6f}" y="{tilt:.6f}" space="{PAN_TILT}"/>'
        f'<tt:Zoom x="{zoom:.6f}" space="{ZOOM}"/>'
    )
