"""Debian's gst-rtsp-server with test pictures: run by the system's python3, as its own process.

gst_rtsp.py PORT USER PASSWORD [ADDRESS]: /h264 and /h265 as a camera sends them, /lossy lacks some
packets, /sound has no video. gst_rtsp.py --check: is all that it takes installed?
"""

import sys

import gi  # type: ignore[import-not-found] # the system's, which this project's has not

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # type: ignore[import-not-found] # noqa: E402

PICTURES = (
    "videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=180,framerate=25/1 "
    "! videoconvert ! video/x-raw,format=I420 "
)
H264 = "! openh264enc gop-size=25 bitrate=500000 ! h264parse ! rtph264pay config-interval=-1 pt=96 "
H265 = (
    "! x265enc speed-preset=ultrafast tune=zerolatency bitrate=400 key-int-max=25 "
    "! h265parse ! rtph265pay config-interval=-1 pt=97 "
)
STREAMS = {
    "/h264": f"{PICTURES}{H264} name=pay0",
    "/h265": f"{PICTURES}{H265} name=pay0",
    "/lossy": f"{PICTURES}{H264} mtu=300 ! identity drop-probability=0.1 name=pay0",
    "/sound": "audiotestsrc is-live=true ! alawenc ! rtppcmapay name=pay0",
}


def main(port: str, user: str, password: str, address: str = "127.0.0.1") -> None:
    """Serves for ever; only that user may see the streams, by digest."""
    Gst.init(None)
    server = GstRtspServer.RTSPServer.new()
    server.set_address(address)
    server.set_service(port)
    auth = GstRtspServer.RTSPAuth.new()
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth.add_digest(user, password, token)
    server.set_auth(auth)
    for path, pipeline in STREAMS.items():
        server.get_mount_points().add_factory(path, _factory(pipeline))
    server.attach(None)
    GLib.MainLoop().run()


def missing() -> list[str]:
    """Elements of GStreamer that are not installed."""
    Gst.init(None)
    words = " ".join(STREAMS.values()).replace("!", " ").split()
    wanted = {word for word in words if word.isalnum()}
    return sorted(name for name in wanted if Gst.ElementFactory.find(name) is None)


def _factory(pipeline: str) -> object:
    """A pipeline of its own for every session, so that no test sees what another one left."""
    factory = GstRtspServer.RTSPMediaFactory.new()
    factory.set_launch(f"( {pipeline} )")
    role = Gst.Structure.new_empty("viewer")
    role.set_value("media.factory.access", True)
    role.set_value("media.factory.construct", True)
    factory.add_role_from_structure(role)
    return factory


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(", ".join(missing()) or 0)
    main(*sys.argv[1:])
