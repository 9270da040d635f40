"""SOAP as bytes: what signs a message, what an answer says, and that no text of a device harms."""

import base64
import hashlib
import time
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from probes.wire.soap import (
    MARKUP_MAX,
    Fault,
    Malformed,
    child,
    clean,
    envelope,
    local,
    parse,
    security,
    text,
)

SOAP12 = "http://www.w3.org/2003/05/soap-envelope"
SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
WSSE = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd}"
WSU = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd}"


def message(inner: str, soap: str = SOAP12) -> bytes:
    return f'<e:Envelope xmlns:e="{soap}"><e:Body>{inner}</e:Body></e:Envelope>'.encode()


def fault_of(inner: str, soap: str = SOAP12) -> Fault:
    with pytest.raises(Fault) as caught:
        parse(message(f"<e:Fault>{inner}</e:Fault>", soap), "A")
    return caught.value


# --- what is sent ----------------------------------------------------------------------------


def test_a_message_is_signed_as_the_standard_says() -> None:
    """The example of ONVIF's Application Programmer's Guide, 6.1.1.3."""
    nonce = base64.b64decode("LKqI6G/AikKCQrN0zqZFlg==")
    header = security("user", "userpassword", nonce, datetime(2010, 9, 16, 7, 50, 45, tzinfo=UTC))
    root = ElementTree.fromstring(envelope(b"<A/>", header))
    token = root.find(f"{{{SOAP12}}}Header/{WSSE}Security/{WSSE}UsernameToken")
    assert token is not None
    assert token.findtext(f"{WSSE}Username") == "user"
    assert token.findtext(f"{WSSE}Password") == "tuOSpGlFlIXsozq4HFNeeGeFLEI="
    assert token.findtext(f"{WSSE}Nonce") == "LKqI6G/AikKCQrN0zqZFlg=="
    assert token.findtext(f"{WSU}Created") == "2010-09-16T07:50:45Z"
    assert root.find(f"{{{SOAP12}}}Body/A") is not None


def test_a_user_name_stays_a_text() -> None:
    header = security("</Username>&<x", "p", b"1" * 16, datetime(2026, 1, 1, tzinfo=UTC))
    root = ElementTree.fromstring(envelope(b"", header))
    assert root.findtext(f".//{WSSE}Username") == "</Username>&<x"


def test_a_password_may_hold_any_letters() -> None:
    at = datetime(2026, 1, 1, 0, 0, 0, 999999, tzinfo=UTC)
    said = "2026-01-01T00:00:00Z"
    digest = base64.b64encode(hashlib.sha1(b"n" + said.encode() + "密码".encode()).digest())
    assert digest in security("u", "密码", b"n", at)


# --- what comes ------------------------------------------------------------------------------


@pytest.mark.parametrize("soap", [SOAP11, SOAP12, "urn:something"])
@pytest.mark.parametrize(
    "inner",
    [
        "<A><B> x </B></A>",
        '<q:A xmlns:q="urn:q"><q:B>x</q:B></q:A>',
        '<A xmlns="urn:q"><B>x</B></A>',
        "<p:A><p:B>x</p:B></p:A>",
        '<A><p:B z:a="1"><![CDATA[x]]></p:B></A>',
        "<!-- c --><?pi?><A><!-- c --><B>x</B></A>",
    ],
)
def test_an_answer_is_found_whatever_its_prefixes(inner: str, soap: str) -> None:
    found = parse(message(inner, soap), "A")
    assert local(found) == "A"
    assert text(found, "B") == "x"
    assert text(found, "C", "D") == ""
    assert child(found, "C", "D") is None


def test_a_head_and_an_undeclared_envelope_are_taken() -> None:
    data = b"<s:Envelope><s:Header><x/></s:Header><s:Body><A/></s:Body></s:Envelope>"
    assert local(parse(data, "A")) == "A"


@pytest.mark.parametrize(
    ("declared", "coded"),
    [
        ("UTF-8", "utf-8"),
        ("utf-8", "gbk"),
        ("GBK", "gbk"),
        ("gb2312", "gbk"),
        ("GB18030", "gb18030"),
        ("ISO-8859-1", "utf-8"),
        ("UTF-7", "utf-8"),
        ("nonsense", "utf-8"),
    ],
)
def test_chinese_texts_are_read(declared: str, coded: str) -> None:
    data = f"<?xml version='1.0' encoding='{declared}'?>".encode() + message("<A>海康</A>").replace(
        "海康".encode(), "海康".encode(coded)
    )
    assert text(parse(data, "A")) == "海康"


def test_bytes_of_no_encoding_spoil_only_their_own_text() -> None:
    data = message("<A><B>x</B><C>?</C></A>").replace(b"?", b"\xff\xff")
    found = parse(data, "A")
    assert text(found, "B") == "x"


def test_a_document_type_is_refused_before_anything_is_read() -> None:
    for data in (
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + message("<A>&x;</A>"),
        b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE a+AD4-' + message("<A/>"),
        ("<!DOCTYPE a>" + message("<A/>").decode()).encode("utf-16"),
        ("<!DOCTYPE a>" + message("<A/>").decode()).encode("cp037"),
    ):
        with pytest.raises(Malformed):
            parse(data, "A")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty body"),
        (b" \r\n", "empty body"),
        (b"<!DOCTYPE html><html></html>", "a page of HTML"),
        (b"\n<!doctype html>\n<html><br></html>", "a page of HTML"),
        (b"<html><br>", "a page of HTML"),
        (b"\x1f\x8b\x08", "expected XML"),
        (b"{}", "expected XML"),
        (message("<A>")[:-9], "expected XML"),
        (message("<A></B>"), "expected XML"),
        (message("<A>&x;</A>"), "expected XML"),
        (message("<p:A></q:A>"), "expected XML"),
        (message("<A/>") + b"<a/>", "expected XML"),
        (b"<A/>", "a SOAP envelope, got <A>"),
        (b"<Envelope/>", "a SOAP body"),
        (message(""), "a SOAP body"),
        (message("<B/>"), "expected A, got B"),
        (message("<BResponse/><A/>"), "expected A, got BResponse"),
        (b"<a>" * (MARKUP_MAX + 1), "marks of XML"),
    ],
)
def test_anything_else_is_malformed(data: bytes, says: str) -> None:
    with pytest.raises(Malformed, match=says):
        parse(data, "A")


def test_a_fault_of_soap_1_2() -> None:
    found = fault_of(
        "<e:Code><e:Value>e:Sender</e:Value><e:Subcode><e:Value>ter:NotAuthorized</e:Value>"
        "</e:Subcode></e:Code><e:Reason><e:Text>Sender &lt;not&gt; Authorized</e:Text></e:Reason>"
    )
    assert found.codes == ("Sender", "NotAuthorized")
    assert str(found) == "NotAuthorized (Sender <not> Authorized)"
    assert found.denied


def test_a_fault_of_soap_1_1() -> None:
    found = fault_of("<faultcode>E:Client</faultcode><faultstring>no method</faultstring>", SOAP11)
    assert (found.codes, found.text, found.denied) == (("Client",), "no method", False)


@pytest.mark.parametrize(
    ("code", "reason", "denied"),
    [
        ("wsse:FailedAuthentication", "", True),
        ("s:Receiver", "Sender not authorized", True),
        ("s:Sender", "Unauthorised", True),
        ("ter:ActionNotSupported", "", False),
        ("", "", False),
    ],
)
def test_which_faults_refuse_a_log_in(code: str, reason: str, denied: bool) -> None:
    inner = f"<Code><Value>{code}</Value></Code><Reason><Text>{reason}</Text></Reason>"
    assert fault_of(inner).denied is denied


def test_a_fault_without_words_has_some() -> None:
    assert str(fault_of("")) == "a fault"
    assert (
        len(
            str(
                fault_of(
                    "<Code>" + "<Subcode><Value>x</Value>" * 99 + "</Subcode>" * 99 + "</Code>"
                )
            )
        )
        < 99
    )


# --- texts of a device -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        (" a\r\n\tb ", "a b"),
        ("a\x00\x1b[31m\u202e\u2066b\ufeff", "a[31mb"),
        ("rtsp://admin:pa@ss/wd@192.0.2.1/x", "rtsp://***@192.0.2.1/x"),
        ("see http://a:b@c and http://d:e@f", "see http://***@c and http://***@f"),
        ("http://192.0.2.1/x", "http://192.0.2.1/x"),
        ("a@b", "a@b"),
        ("x" * 999, "x" * 128),
        ("rtsp://admin:" + "x" * 2000 + "@h", "rtsp://"),
        ("<b>&amp;</b>", "<b>&amp;</b>"),
        ("", ""),
    ],
)
def test_a_text_is_cleaned(raw: str, seen: str) -> None:
    assert clean(raw) == seen


@given(st.text(max_size=3000), st.integers(1, 200))
@example("://u:p@h " * 100, 50)
def test_a_cleaned_text_is_one_short_line(raw: str, longest: int) -> None:
    seen = clean(raw, longest)
    assert len(seen) <= longest
    assert seen.isprintable()


def test_cleaning_a_megabyte_takes_no_time() -> None:
    begin = time.process_time()
    for raw in ("://" * 350_000, "a@" * 500_000, "\u202e" * 1_000_000):
        clean(raw)
    assert time.process_time() - begin < 0.1


# --- whatever comes --------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        *(
            "<A>",
            "</A>",
            "<p:A>",
            "</p:A>",
            "<e:Fault>",
            "</e:Fault>",
            "<faultcode>",
            "</faultcode>",
        ),
        *("<!DOCTYPE a>", "<![CDATA[", "]]>", "<!--", "-->", "&lt;", "&x;", "&#0;", "&#x41;", "\0"),
        *("x", "海", "\x80", '<A b="c"/>', "<?xml version='1.0'?>", "e:Envelope", ">", "<"),
    ]
)


@given(st.lists(PIECES, max_size=20), st.sampled_from(["utf-8", "gbk", "utf-16"]))
def test_any_body_is_an_answer_a_fault_or_malformed(pieces: list[str], coded: str) -> None:
    whole = message("".join(pieces)).decode().encode(coded, "replace")
    try:
        assert local(parse(whole, "A")) == "A"
    except (Fault, Malformed) as error:
        assert len(str(error)) < 300
        assert str(error).isprintable()


@given(st.binary(max_size=300))
def test_any_bytes_are_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        parse(data, "A")


def test_invented_names_are_not_kept() -> None:
    """A parser with one table of names for the whole thread grows by a megabyte with each."""

    def resident_mb() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

    def invented(number: int) -> bytes:
        return b"<a>" + b"".join(b"<x%d-%d/>" % (number, i) for i in range(19_000)) + b"</a>"

    grown = 0.0
    for number in range(25):
        with pytest.raises(Malformed):
            parse(invented(number), "A")
        if number == 4:  # what it needs for one
            grown = resident_mb()
    assert resident_mb() - grown < 8
