"""The beginning of a page: a GET as bytes, an answer in whatever pieces it comes."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.wire import http_page
from probes.wire.http_page import PAGE_MAX, Malformed, Page

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
    b"3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n"
)


def read(*pieces: bytes, hangs_up: bool = False) -> Page:
    """The page, which must be whole after the last piece, or when it hangs up."""
    page = Page()
    whole = [page.take(piece) for piece in pieces]
    if hangs_up:
        page.end()
    assert whole[-1] != hangs_up
    return page


def whole_at(*pieces: bytes) -> Page:
    """The page as soon as it is whole."""
    page = Page()
    assert any(page.take(piece) for piece in pieces)
    return page


# --- asking ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "tls", "authority", "path"),
    [
        ("http://192.0.2.8", False, "192.0.2.8", "/"),
        ("HTTPS://portal.example:8443/a?b=c#top", True, "portal.example:8443", "/a?b=c"),
        ("https://portal.example:443/", True, "portal.example", "/"),
        ("http://[2001:db8::8]:8080?x", False, "[2001:db8::8]:8080", "/?x"),
    ],
)
def test_a_url(text: str, tls: bool, authority: str, path: str) -> None:
    found = http_page.url(text)
    assert (found.tls, found.authority, found.path) == (tls, authority, path)
    lines = http_page.request(found, {}).decode().split("\r\n")
    assert lines[:2] == [f"GET {path} HTTP/1.1", f"Host: {authority}"]
    assert "Connection: close" in lines
    assert lines[-2:] == ["", ""]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ftp://192.0.2.8/",
        "http://",
        "http://192.0.2.8:0/",
        "http://192.0.2.8:65536/",
        "http://192.0.2.8/a b",
        "http://192.0.2.8/\r\nX: y",
        "http://admin:geheim@192.0.2.8/",
        "http://192.0.2.8/" + "a" * 2100,
    ],
)
def test_no_url_and_it_is_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match=r"^expected a ") as caught:
        http_page.url(text)
    assert "geheim" not in str(caught.value)


def test_a_url_holds_its_path_back() -> None:
    assert "geheim" not in repr(http_page.url("http://192.0.2.8/?token=geheim"))


def test_a_header_stays_on_its_line() -> None:
    with pytest.raises(ValueError, match="control character"):
        http_page.request(http_page.url("http://cam"), {"Authorization": "a\r\nX: y"})


# --- answers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [PLAIN, CHUNKED, PLAIN.replace(b"\r", b"")])
def test_a_page(answer: bytes) -> None:
    page = read(answer)
    assert (page.status, bytes(page.body)) == (200, b"hello")


@given(st.lists(st.integers(0, len(CHUNKED)), max_size=6))
def test_it_does_not_matter_where_the_bytes_are_cut(cuts: list[int]) -> None:
    for answer in (PLAIN, CHUNKED):
        edges = [0, *sorted(cuts), len(answer)]
        pieces = [answer[a:b] for a, b in pairwise(edges)]
        page = whole_at(*pieces)
        assert (page.status, bytes(page.body)) == (200, b"hello")


def test_a_page_that_ends_when_it_hangs_up() -> None:
    assert bytes(read(b"HTTP/1.0 200 OK\r\n\r\nhel", b"lo", hangs_up=True).body) == b"hello"


@pytest.mark.parametrize("status", [204, 301, 304, 401, 503])
def test_every_status_is_an_answer(status: int) -> None:
    head = f"HTTP/1.1 {status} X\r\nLocation: http://192.0.2.9/\r\nContent-Length: 0\r\n\r\n"
    assert read(head.encode()).status == status


@pytest.mark.parametrize("head", [b"", b"Content-Length: 999999999\r\n"])
def test_no_more_than_64_kb_are_read(head: bytes) -> None:
    page = read(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n", *[b"x" * 4096] * 17)
    assert len(page.body) == PAGE_MAX


def test_no_more_than_64_kb_of_chunks_are_read() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    page = read(head, *[b"1000\r\n" + b"x" * 4096 + b"\r\n"] * 16)
    assert len(page.body) == PAGE_MAX
    assert read(head + b"ffffffff\r\n" + b"y" * 100_000).body[-1:] == b"y"


# --- what is none ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"SSH-2.0-x\r\n\r\n", "expected an answer of HTTP/1, got 'SSH-2.0-x'"),
        (b"HTTP/2 200\r\n\r\n", "expected an answer of HTTP/1"),
        (b"HTTP/1.1 20 OK\r\n\r\n", "expected an answer of HTTP/1"),
        (b"HTTP/1.1 200 OK\r\nno header\r\n\r\n", "expected a header"),
        (b"HTTP/1.1 200 OK\r\nX: \0\r\n\r\n", "expected a header"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 17_000, "at most 16 kB"),
        (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 101 + b"\r\n", "at most 100 headers"),
        (b"HTTP/1.1 100 C\r\n\r\n" * 1000, "at most 16 kB"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", "expected the length"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", "the length"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "chunked at most"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "size of a chunk"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", "end of a chunk"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 300,
            "expected the size of a chunk, got a longer line",
        ),
    ],
)
def test_what_is_no_answer(data: bytes, expected: str) -> None:
    with pytest.raises(Malformed, match=expected):
        Page().take(data)


@pytest.mark.parametrize("size", [0, 5, 40, len(PLAIN) - 1])
def test_an_answer_that_is_cut_off(size: int) -> None:
    for answer in (PLAIN, CHUNKED[: len(CHUNKED) - 1]):
        page = Page()
        assert not page.take(answer[:size])
        assert page.begun is (size > 0)
        with pytest.raises(Malformed, match="cut off"):
            page.end()


@given(st.lists(st.binary(max_size=50)))
def test_nothing_but_malformed_is_raised(pieces: list[bytes]) -> None:
    for start in (b"", b"HTTP/1.1 200 OK\r\n", CHUNKED[:75]):
        page = Page()
        try:
            for piece in (start, *pieces):
                page.take(piece)
        except Malformed:
            continue
        assert len(page.body) <= PAGE_MAX
