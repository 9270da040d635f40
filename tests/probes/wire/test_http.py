"""HTTP/1.1 as bytes: what is one answer, what is refused, and nothing ever crashes or grows."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.wire.http import (
    BESIDE_MAX,
    BODY_MAX,
    HEAD_MAX,
    Malformed,
    Reader,
    Response,
    request,
)

OK = b"HTTP/1.1 200 OK\r\n"


def answer(*pieces: bytes) -> Response | None:
    """The first whole answer; None if it never was."""
    reader = Reader()
    for piece in pieces:
        if found := reader.feed(piece):
            return found
    return None


def cut(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


def chunked(*parts: bytes, trailer: bytes = b"") -> bytes:
    made = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    return OK + b"Transfer-Encoding: chunked\r\n\r\n" + made + b"0\r\n" + trailer + b"\r\n"


def test_a_request_is_a_post_with_its_length() -> None:
    made = request("192.0.2.1", 8080, "/onvif/x?a=1", b"<a/>", ["X-A: b"])
    assert made == (
        b"POST /onvif/x?a=1 HTTP/1.1\r\nHost: 192.0.2.1:8080\r\nContent-Length: 4\r\nX-A: b\r\n\r\n"
        b"<a/>"
    )
    assert b"Host: [2001:db8::1]:80\r\n" in request("2001:db8::1", 80, "/", b"")


@pytest.mark.parametrize(
    ("host", "path", "headers"),
    [
        ("h\r\nX: y", "/", []),
        ("h", "/a b", []),
        ("h", "/\r\nX:", []),
        ("h", "/", ["A: b\r\nX: y"]),
        ("h", "/", ["A: \0"]),
    ],
)
def test_a_request_cannot_be_broken_into(host: str, path: str, headers: list[str]) -> None:
    with pytest.raises(ValueError, match="control"):
        request(host, 80, path, b"", headers)


@pytest.mark.parametrize("pieces", [lambda data: [data], cut], ids=["at once", "byte by byte"])
@pytest.mark.parametrize(
    ("data", "body", "keep"),
    [
        (OK + b"Content-Length: 2\r\n\r\nhi", b"hi", True),
        (OK.replace(b"\r", b"") + b"Content-Length: 2\n\nhi", b"hi", True),
        (OK + b"CONTENT-LENGTH:2\r\nConnection: Close\r\n\r\nhi", b"hi", False),
        (b"HTTP/1.0 200\r\nContent-Length: 2\r\n\r\nhi", b"hi", False),
        (b"HTTP/1.0 200 \r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi", b"hi", True),
        (OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi", b"hi", True),
        (b"HTTP/1.1 204 No\r\n\r\n", b"", True),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nhi", b"hi", True),
        (chunked(b"h", b"i" * 300), b"h" + b"i" * 300, True),
        (chunked(b"hi", trailer=b"X-A: b\r\n"), b"hi", True),
        (chunked(), b"", True),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2 ;a=b\r\nhi\r\n0\r\n\r\n", b"hi", True),
        (OK + b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"", True),
        (OK + b"Content-Encoding: identity\r\nContent-Length: 0\r\n\r\n", b"", True),
    ],
)
def test_an_answer_is_read(data: bytes, body: bytes, keep: bool, pieces: object) -> None:
    assert callable(pieces)
    found = answer(*pieces(data))
    assert found is not None
    assert (found.body, found.keep) == (body, keep)


def test_what_comes_behind_an_answer_is_not_taken_for_the_next() -> None:
    for data in (OK + b"Content-Length: 2\r\n\r\nhiHTTP/1.1 200", chunked(b"hi") + b"HTTP"):
        found = answer(data)
        assert found is not None
        assert (found.body, found.keep) == (b"hi", False)


def test_one_reader_reads_one_answer_after_another() -> None:
    reader = Reader()
    for i in range(3):
        for data in (OK + b"Content-Length: 1\r\n\r\n%d" % i, chunked(b"%d" % i)):
            for piece in cut(data)[:-1]:
                assert reader.feed(piece) is None
                assert reader.begun
            found = reader.feed(data[-1:])
            assert found is not None
            assert found.body == b"%d" % i
            assert not reader.begun


def test_without_a_length_the_end_of_the_connection_is_the_end() -> None:
    reader = Reader()
    assert reader.feed(OK + b"\r\nhi") is None
    found = reader.end()
    assert found is not None
    assert (found.body, found.keep) == (b"hi", False)


def test_nothing_is_no_answer_and_half_of_one_is_garbled() -> None:
    assert Reader().end() is None
    for data in (b"H", OK + b"Content-Length: 2\r\n\r\nh", chunked(b"hi")[:-4]):
        reader = Reader()
        assert reader.feed(data) is None
        with pytest.raises(Malformed, match="cut off"):
            reader.end()


def test_headers_are_found_by_name() -> None:
    found = answer(
        OK + b"WWW-Authenticate: a\r\nwww-authenticate:  b \r\nX: c:d\r\nContent-Length: 0\r\n\r\n"
    )
    assert found is not None
    assert found.all("www-authenticate") == ["a", "b"]
    assert found.all("x") == ["c:d"]
    assert found.all("y") == []


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Mon, 23 Nov 2026 19:33:20 GMT", datetime(2026, 11, 23, 19, 33, 20, tzinfo=UTC)),
        ("Mon, 23 Nov 2026 19:33:20 +0800", datetime(2026, 11, 23, 11, 33, 20, tzinfo=UTC)),
        ("Mon, 23 Nov 2026 19:33:20", datetime(2026, 11, 23, 19, 33, 20, tzinfo=UTC)),
        ("soon", None),
        ("", None),
        ("Mon, 23 Nov 99999999 19:33:20 GMT", None),
    ],
)
def test_the_date_of_an_answer(said: str, expected: datetime | None) -> None:
    found = answer(OK + f"Content-Length: 0\r\nDate: {said}\r\n\r\n".encode())
    assert found is not None
    assert found.date == expected


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"SSH-2.0-OpenSSH\r\n\r\n", "a head of HTTP/1"),
        (b"HTTP/2 200 OK\r\n\r\n", "a head of HTTP/1"),
        (b"HTTP/1.1 20 OK\r\n\r\n", "a head of HTTP/1"),
        (OK + b"no colon\r\n\r\n", "a head of HTTP/1"),
        (OK + b"a b: c\r\n\r\n", "a head of HTTP/1"),
        (OK + b"a: b\rc\r\n\r\n", "a head of HTTP/1"),
        (OK + b"a: b\0\r\n\r\n", "a head of HTTP/1"),
        (OK + b" folded: b\r\n\r\n", "a head of HTTP/1"),
        (OK + b"A: b\r\n" * 200 + b"\r\n", "at most 100 headers"),
        (OK + b"A: " + b"b" * HEAD_MAX, "at most 16 kB"),
        (b"HTTP/1.1 100 C\r\n\r\n" * 1000, "at most 16 kB"),
        (OK + b"Content-Length: -1\r\n\r\n", "one length"),
        (OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", "one length"),
        (OK + b"Content-Length: %d\r\n\r\n" % (BODY_MAX + 1), "at most 1024 kB"),
        (OK + b"Content-Length: 9999999999999999999999\r\n\r\n", "one length"),
        (OK + b"\r\n" + b"x" * (BODY_MAX + 1), "at most 1024 kB"),
        (OK + b"Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\n", "not packed, got 'gzip'"),
        (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n", "chunked at most"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nx\r\n", "size of a chunk"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", "size of a chunk"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", "end of a chunk"),
        (chunked(b"x" * BODY_MAX, b"x"), "at most 1024 kB"),
        (chunked(*[b"x"] * BESIDE_MAX), "at most 256 kB"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"1" * 1000, "between chunks"),
    ],
)
def test_another_answer_is_malformed(data: bytes, says: str) -> None:
    with pytest.raises(Malformed, match=says):
        answer(data)


@pytest.mark.parametrize(
    ("location", "says"),
    [
        (b"http://admin:pw@cam.example:81/x?token=1", "HTTP 302 to http://cam.example$"),
        (b"/login?secret=1", "to another path$"),
        (b"http://[", "to nowhere$"),
        (b"", "to another path$"),
    ],
)
def test_a_redirect_says_where_but_no_secret(location: bytes, says: str) -> None:
    with pytest.raises(Malformed, match=says):
        answer(b"HTTP/1.1 302 No\r\nLocation: " + location + b"\r\n\r\n")


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_any_bytes_are_an_answer_or_malformed(pieces: list[bytes]) -> None:
    held(Reader(), pieces)


HEADS = st.sampled_from(
    [
        OK,
        b"HTTP/1.1 401 No\r\n",
        b"HTTP/1.1 100 C\r\n",
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Connection: close\r\n",
        b"\r\n",
        b"\n",
        b"5\r\n",
        b"0\r\n",
        b"12345",
        b"5;a\r\n12345\r\n",
    ]
)


@given(st.lists(HEADS | st.binary(max_size=8), max_size=30))
def test_nearly_right_bytes_are_an_answer_or_malformed(pieces: list[bytes]) -> None:
    held(Reader(), pieces)


def held(reader: Reader, pieces: list[bytes]) -> None:
    """Nothing but Malformed is raised, and no more is kept than came."""
    came = 0
    try:
        for piece in pieces:
            came += len(piece)
            found = reader.feed(piece)
            if found is not None:
                assert len(found.body) <= came
                assert 200 <= found.status <= 999
        reader.end()
    except Malformed as wrong:
        assert str(wrong).isascii()


@given(st.binary(max_size=500), st.lists(st.integers(1, 60), max_size=20), st.booleans())
def test_how_an_answer_is_cut_does_not_matter(
    body: bytes, cuts: list[int], in_chunks: bool
) -> None:
    parts = [body[i : i + 7] for i in range(0, len(body), 7)]
    data = chunked(*parts) if in_chunks else OK + b"Content-Length: %d\r\n\r\n" % len(body) + body
    pieces, at = [], 0
    for size in cuts:
        pieces.append(data[at : at + size])
        at += size
    found = answer(*pieces, data[at:])
    assert found is not None
    assert found.body == body


def test_a_head_that_came_before_is_read_the_same_but_for_its_date() -> None:
    def head(date: str, more: str = "") -> bytes:
        return OK + f"Date: {date}\r\nX-A: b\r\n{more}Content-Length: 2\r\n\r\nhi".encode()

    for day in (22, 23, 22):
        found = answer(head(f"Sun, {day} Nov 2026 09:08:07 GMT"))
        assert found is not None and (found.status, found.body, found.keep) == (200, b"hi", True)
        assert found.date == datetime(2026, 11, day, 9, 8, 7, tzinfo=UTC)
        assert (found.all("x-a"), found.all("content-length")) == (["b"], ["2"])
    for _ in range(2):
        last = answer(head("Sun, 22 Nov 2026 09:08:07 GMT", "Connection: close\r\n"))
        assert last is not None and not last.keep
        with pytest.raises(Malformed):
            answer(head("Sun, 22 Nov 2026 09:08:07 GM\0"))
        with pytest.raises(Malformed, match="one length"):
            answer(head("Sun, 22 Nov 2026 09:08:07 GMT", "Content-Length: 3\r\n"))
