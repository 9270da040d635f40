"""upsd's lines: words, numbers, lists, and what is refused."""

import pytest

from probes.wire.nut import (
    ANSWER_MAX,
    LINE_MAX,
    ROWS_MAX,
    Denied,
    Listing,
    Malformed,
    confirm,
    number,
    request,
    split,
)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'VAR su700 ups.mfr "APC"\n', ["VAR", "su700", "ups.mfr", "APC"]),
        (b'a "two words" ""\r\n', ["a", "two words", ""]),
        (rb'a "say \"hi\"" "back\\slash" "\#1"', ["a", 'say "hi"', "back\\slash", "#1"]),
        (b"  a\t b  ", ["a", "b"]),
        (b"", []),
        ("a 电池".encode(), ["a", "电池"]),
        (b'a "caf\xe9"', ["a", "caf\N{REPLACEMENT CHARACTER}"]),
    ],
)
def test_a_line_is_split_into_words(line: bytes, words: list[str]) -> None:
    assert split(line) == words


@pytest.mark.parametrize("line", [b'a "b', b"a\\", b'"a"b', b'a"b"', b"a \0", b"a" * 5000])
def test_a_line_that_is_none_is_refused(line: bytes) -> None:
    with pytest.raises(Malformed):
        split(line)


@pytest.mark.parametrize("word", ["plain", "two words", 'qu"ote', "back\\slash", "", "a#b", "电"])
def test_a_request_says_the_word_that_it_was_given(word: str) -> None:
    assert split(request("LIST", word)) == ["LIST", word]


@pytest.mark.parametrize("word", ["a\nLOGOUT", "a\0", "a\r"])
def test_a_request_is_one_line(word: str) -> None:
    with pytest.raises(ValueError, match="control character"):
        request("PASSWORD", word)


@pytest.mark.parametrize(
    ("text", "value"), [("100", 100.0), ("27.10", 27.1), (" 5 ", 5.0), ("-3.5", -3.5), ("7.", 7.0)]
)
def test_a_number_is_read(text: str, value: float) -> None:
    assert number(text, "x") == value


@pytest.mark.parametrize(
    "text", ["nan", "inf", "1e3", "1_000", "1,5", "0x1F", "", "-", "1 2", "٣", "9" * 400]
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match=r"^battery\.charge: expected a decimal number"):
        number(text, "battery.charge")


def feed(listing: Listing, *lines: bytes) -> bool:
    """True when the last of the lines was the end, and only that one."""
    *first, last = lines
    assert not any(listing.take(line) for line in first)
    return listing.take(last)


def test_a_list_of_variables_is_read() -> None:
    listing = Listing(("VAR", "su700"))
    assert listing.request == b"LIST VAR su700\n"
    assert feed(
        listing,
        b"BEGIN LIST VAR su700\n",
        b'VAR su700 ups.mfr "APC"\n',
        b'VAR su700 battery.charge "100"\n',
        b"END LIST VAR su700\n",
    )
    assert listing.rows == {"ups.mfr": "APC", "battery.charge": "100"}


def test_a_list_of_ups_is_read() -> None:
    listing = Listing(("UPS",))
    assert listing.request == b"LIST UPS\n"
    assert feed(listing, b"BEGIN LIST UPS\n", b'UPS a "one"\n', b"END LIST UPS\n")
    assert listing.rows == {"a": "one"}


@pytest.mark.parametrize(
    "lines",
    [
        [b"HTTP/1.1 400 Bad Request\r\n"],
        [b"BEGIN LIST VAR other\n"],
        [b'VAR ups battery.charge "100"\n'],
        [b"BEGIN LIST VAR ups\n", b'VAR other battery.charge "100"\n'],
        [b"BEGIN LIST VAR ups\n", b"VAR ups battery.charge\n"],
        [b"BEGIN LIST VAR ups\n", b'VAR ups battery.charge "1" "2"\n'],
        [b"BEGIN LIST VAR ups\n", b'VAR ups "" "1"\n'],
        [b"BEGIN LIST VAR ups\n", b'VAR ups "a\tb" "1"\n'],
        [b"BEGIN LIST VAR ups\n", b'VAR ups a "1"\n', b'VAR ups a "2"\n'],
        [b"BEGIN LIST VAR ups\n", b"END LIST VAR other\n"],
        [b"BEGIN LIST VAR ups\n", b"BEGIN LIST VAR ups\n"],
        [b"BEGIN LIST VAR ups\n", b"\n"],
        [b"\n"],
        [b"ERR\n"],
        [b"ERR data stale\n"],
    ],
)
def test_a_list_that_is_another_or_none_is_refused(lines: list[bytes]) -> None:
    listing = Listing(("VAR", "ups"))
    with pytest.raises(Malformed):
        feed(listing, *lines)


def test_an_answer_has_a_bounded_number_of_rows() -> None:
    rows = [f'VAR ups v{i} "1"\n'.encode() for i in range(ROWS_MAX + 1)]
    listing = Listing(("VAR", "ups"))
    feed(listing, b"BEGIN LIST VAR ups\n", *rows[:-1])
    with pytest.raises(Malformed, match="at most 1000 rows"):
        listing.take(rows[-1])


def test_an_answer_has_a_bounded_size() -> None:
    listing = Listing(("VAR", "ups"))
    listing.take(b"BEGIN LIST VAR ups\n")
    value = b"x" * (LINE_MAX - 30)
    fits = ANSWER_MAX // LINE_MAX
    with pytest.raises(Malformed, match="at most 256 kB"):
        for i in range(fits + 2):
            listing.take(b'VAR ups v%d "%s"\n' % (i, value))
    assert len(listing.rows) >= fits


def test_an_error_is_told_by_its_code() -> None:
    with pytest.raises(Denied) as caught:
        Listing(("UPS",)).take(b"ERR ACCESS-DENIED\n")
    assert caught.value.code == "ACCESS-DENIED"


def test_a_log_in_is_confirmed() -> None:
    assert confirm(b"OK\n")
    assert confirm(b"OK Goodbye\n")


def test_a_refused_log_in_tells_the_code() -> None:
    with pytest.raises(Denied, match="INVALID-PASSWORD"):
        confirm(b"ERR INVALID-PASSWORD\n")


@pytest.mark.parametrize(
    "line", [b"PASSWORD s3cret\n", b"ERR s3cret\n", b's3cret "\n', b"s3cret\0"]
)
def test_an_echo_of_the_secret_is_not_repeated(line: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        confirm(line)
    assert "s3cret" not in str(caught.value)
