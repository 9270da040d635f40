"""What answers a 401: the examples of the RFCs, and what cannot be answered."""

import pytest

from probes.wire.login import log_in, stale

DIGEST = 'Digest realm="cam", nonce="n0"'
BASIC = 'Basic realm="cam"'


def test_basic_as_rfc_7617_shows_it() -> None:
    login = log_in(['Basic realm="WallyWorld"'], "Aladdin", "open sesame")
    assert login.authorization("GET", "/", "") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="


def test_digest_as_rfc_2069_has_it_for_rtsp() -> None:
    """MD5(MD5(user:realm:password):nonce:MD5(DESCRIBE:uri)), computed with md5sum."""
    login = log_in([DIGEST], "viewer", "pw")
    assert login.authorization("DESCRIBE", "rtsp://cam/h264", "") == (
        'Digest username="viewer", realm="cam", nonce="n0", uri="rtsp://cam/h264", '
        'response="61bdd81a70cc169c7082731b6f7ac4e4"'
    )


def test_each_request_is_counted() -> None:
    login = log_in(['Digest realm="cam", nonce="n0", qop="auth"'], "viewer", "pw")
    counts = [login.authorization("PLAY", "rtsp://cam", "c") for _ in range(2)]
    assert "nc=00000001," in counts[0]
    assert "nc=00000002," in counts[1]


@pytest.mark.parametrize("offered", [[DIGEST, BASIC], [BASIC, DIGEST], [f"{BASIC}, {DIGEST}"]])
def test_digest_is_better_than_basic(offered: list[str]) -> None:
    assert log_in(offered, "viewer", "pw").authorization("PLAY", "/", "c").startswith("Digest ")


@pytest.mark.parametrize(
    ("offered", "username", "expected"),
    [
        ([], "viewer", "got an offer of nothing that can be read"),
        (["Negotiate"], "viewer", "got an offer of 'negotiate'"),
        (['Digest realm="x", nonce="n", algorithm=SHA-1'], "viewer", "got an offer of 'digest'"),
        (['Digest realm="x", nonce="n", qop="auth-int"'], "viewer", "got an offer of 'digest'"),
        ([BASIC], "a:b", "got an offer of 'basic'"),
        ([DIGEST], "a\r\nb", "the user name holds control characters"),
    ],
)
def test_what_cannot_be_answered(offered: list[str], username: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected) as caught:
        log_in(offered, username, "geheim")
    assert "geheim" not in str(caught.value)


def test_a_password_is_never_shown() -> None:
    assert "geheim" not in repr(log_in([DIGEST], "viewer", "geheim"))
    assert "geheim" not in repr(log_in([BASIC], "viewer", "geheim"))


@pytest.mark.parametrize(
    ("offered", "expected"), [([DIGEST], False), ([f"{DIGEST}, stale=TRUE"], True), ([], False)]
)
def test_a_nonce_that_is_too_old(offered: list[str], expected: bool) -> None:
    assert stale(offered) is expected
