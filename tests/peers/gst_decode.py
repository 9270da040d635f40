"""Decodes an H.264 stream by GStreamer: run by the system's python3, as its own process.

gst_decode.py URL USER PASSWORD COUNT: prints, as JSON, the luma in the middle of each macroblock of
that many pictures of 64×48, and the first sample of Cb and of Cr.
gst_decode.py --check: is all that it takes installed?
"""

import json
import sys

import gi  # type: ignore[import-not-found] # the system's, which this project's has not

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # type: ignore[import-not-found] # noqa: E402

PIPELINE = (
    "rtspsrc location={} user-id={} user-pw={} protocols=tcp latency=0 "
    "! rtph264depay ! h264parse ! openh264dec ! appsink name=sink sync=false max-buffers=500"
)
WIDTH, HEIGHT = 64, 48
MIDDLES = [(16 * row + 8) * WIDTH + 16 * column + 8 for row in range(3) for column in range(4)]
CB, CR = WIDTH * HEIGHT, WIDTH * HEIGHT * 5 // 4


def main(url: str, user: str, password: str, count: str) -> None:
    Gst.init(None)
    pipeline = Gst.parse_launch(PIPELINE.format(url, user, password))
    sink = pipeline.get_by_name("sink")
    pipeline.set_state(Gst.State.PLAYING)
    shown: list[list[int]] = []
    while len(shown) < int(count):
        sample = sink.emit("try-pull-sample", 5 * Gst.SECOND)
        if sample is None:
            wrong = pipeline.get_bus().pop_filtered(Gst.MessageType.ERROR)
            raise SystemExit(str(wrong.parse_error() if wrong else "nothing came"))
        found, memory = sample.get_buffer().map(Gst.MapFlags.READ)
        assert found and len(memory.data) == WIDTH * HEIGHT * 3 // 2
        picture = bytes(memory.data)
        sample.get_buffer().unmap(memory)
        shown.append([picture[at] for at in (*MIDDLES, CB, CR)])
    pipeline.set_state(Gst.State.NULL)
    print(json.dumps(shown))


def missing() -> list[str]:
    """Elements of GStreamer that are not installed."""
    Gst.init(None)
    wanted = [part.split()[0] for part in PIPELINE.split("!")]
    return [name for name in wanted if Gst.ElementFactory.find(name) is None]


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(f"without {', '.join(missing())}" if missing() else 0)
    main(*sys.argv[1:])
