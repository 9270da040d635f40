"""RTP packets of H.264, H.265 and JPEG, put together byte by byte from their RFCs."""


def packet(
    number: int,
    stamp: int,
    payload: bytes,
    *,
    marker: bool = False,
    kind: int = 96,
    sender: int = 0x5EC0,
) -> bytes:
    """RFC 3550, 5.1: version 2, no padding, extension or contributors."""
    head = bytes((0x80, marker << 7 | kind))
    numbers = (number & 0xFFFF).to_bytes(2, "big") + (stamp & 0xFFFFFFFF).to_bytes(4, "big")
    return head + numbers + sender.to_bytes(4, "big") + payload


def interleaved(data: bytes, channel: int = 0) -> bytes:
    """RFC 2326, 10.12."""
    return b"$" + bytes((channel,)) + len(data).to_bytes(2, "big") + data


def h264(kind: int, size: int = 20) -> bytes:
    """A NAL unit: 1 a slice, 5 one of an IDR picture, 7 and 8 parameter sets."""
    return bytes((0x60 | kind,)) + bytes(size)


def stap_a(*units: bytes) -> bytes:
    """RFC 6184, 5.7.1."""
    return b"\x78" + b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)


def fu_a(kind: int, pieces: int, size: int = 1000) -> list[bytes]:
    """RFC 6184, 5.8: one NAL unit in several packets."""
    return [
        bytes((0x7C, (i == 0) << 7 | (i == pieces - 1) << 6 | kind)) + bytes(size)
        for i in range(pieces)
    ]


def h265(kind: int, size: int = 20) -> bytes:
    """A NAL unit: 1 a slice, 19 one of an IDR picture, 21 of a CRA picture, 32 to 34 sets."""
    return bytes((kind << 1, 1)) + bytes(size)


def ap(*units: bytes) -> bytes:
    """RFC 7798, 4.4.2."""
    return bytes((48 << 1, 1)) + b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)


def fu(kind: int, pieces: int, size: int = 1000) -> list[bytes]:
    """RFC 7798, 4.4.3."""
    return [
        bytes((49 << 1, 1, (i == 0) << 7 | (i == pieces - 1) << 6 | kind)) + bytes(size)
        for i in range(pieces)
    ]


def jpeg(offset: int, size: int = 100) -> bytes:
    """RFC 2435, 3.1."""
    return b"\0" + offset.to_bytes(3, "big") + bytes((1, 80, 40, 23)) + bytes(size)


def frames(payloads: list[list[bytes]], *, first: int = 0, step: int = 3600) -> list[bytes]:
    """Packets of consecutive frames, the last of each marked."""
    made: list[bytes] = []
    for place, pieces in enumerate(payloads):
        for piece in pieces:
            last = piece is pieces[-1]
            made.append(packet(first + len(made), place * step, piece, marker=last))
    return made
