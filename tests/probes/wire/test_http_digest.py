"""Digest authentication by the examples of RFC 7616 and RFC 2617, and by hostile challenges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.wire.http_digest import CHALLENGES_MAX, Challenge, Digest, challenge, schemes

# RFC 7616, 3.9.1: both challenges, and the answers to them.
NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
OLD = "dcd98b7102dd2f0e8b11d0f600bfb0c093"
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
RFC7616 = (
    f'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=%s, nonce="{NONCE}", '
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
ANSWERS = {
    "MD5": "8ca523f5e9506fed4657c9700eebdbec",
    "SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
}


@pytest.mark.parametrize("algorithm", ANSWERS)
def test_the_examples_of_the_rfc(algorithm: str) -> None:
    asked = challenge([RFC7616 % algorithm])
    assert asked is not None
    digest = Digest(asked, "Mufasa", "Circle of Life")
    assert digest.header("GET", "/dir/index.html", CNONCE) == (
        'Authorization: Digest username="Mufasa", realm="http-auth@example.org", '
        f'nonce="{NONCE}", uri="/dir/index.html", response="{ANSWERS[algorithm]}", '
        f'algorithm={algorithm}, opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS", '
        f'cnonce="{CNONCE}", nc=00000001, qop=auth'
    )


def test_the_example_of_the_old_rfc() -> None:
    """RFC 2617, 3.5; and without qop as RFC 2069 has it (its own erratum 749)."""
    asked = challenge([f'Digest realm="testrealm@host.com", qop="auth", nonce="{OLD}"'])
    assert asked is not None
    made = Digest(asked, "Mufasa", "Circle Of Life").header("GET", "/dir/index.html", "0a4f113b")
    assert 'response="6629fae49393a05397450978507c4ef1"' in made
    assert "algorithm" not in made
    assert "opaque" not in made
    old = challenge([f'Digest realm="testrealm@host.com", nonce="{OLD}"'])
    assert old is not None
    made = Digest(old, "Mufasa", "CircleOfLife").header("GET", "/dir/index.html", "x")
    assert 'response="1949323746fe6a43ef61f9606e7febea"' in made
    assert "nc=" not in made


def test_the_count_goes_up_with_every_request() -> None:
    asked = challenge([RFC7616 % "MD5"])
    assert asked is not None
    digest = Digest(asked, "u", "p")
    assert [f"nc=0000000{i}" in digest.header("POST", "/", "c") for i in (1, 2, 3)] == [True] * 3


def test_the_first_that_we_can_answer_is_taken() -> None:
    sha, md5 = RFC7616 % "SHA-256", RFC7616 % "MD5"
    for values in (
        [sha, md5],
        [f"{sha}, {md5}"],
        [f'Basic realm="a", {sha}'],
        [f"Negotiate, {sha}"],
    ):
        asked = challenge(values)
        assert asked is not None
        assert asked.algorithm == "SHA-256"
    unknown = RFC7616 % "SHA-512-256"
    asked = challenge([unknown, md5])
    assert asked is not None
    assert asked.algorithm == "MD5"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Basic realm=a",
        "Digest",
        "Digest realm=a",
        'Digest nonce=""',
        "Digest nonce=a, qop=auth-int",
        "Digest nonce=a, algorithm=MD5-sess",
        'Digest nonce="a',
        "nonce=a",
        ', , "',
    ],
)
def test_what_cannot_be_answered_is_none(value: str) -> None:
    assert challenge([value]) is None


def test_parameters_are_unquoted_and_quoted_again() -> None:
    asked = challenge(['DIGEST Realm="a \\"b\\" \\\\", NONCE = x , Stale=TRUE,opaque=""'])
    assert asked == Challenge('a "b" \\', "x", "", "", qop=False, stale=True)
    made = Digest(asked, 'u"1', "p").header("POST", "/", "c")
    assert 'username="u\\"1", realm="a \\"b\\" \\\\", nonce="x"' in made
    assert 'opaque=""' in made


def test_a_password_is_never_shown() -> None:
    asked = challenge(["Digest nonce=a"])
    assert asked is not None
    assert "s3cret" not in repr(Digest(asked, "u", "s3cret"))


@given(st.lists(st.text(st.sampled_from('Digest =",\\a1\t'), max_size=300), max_size=5))
def test_any_challenge_is_read_or_not(values: list[str]) -> None:
    assert len(schemes(values)) <= CHALLENGES_MAX
    asked = challenge(values)
    if asked is not None:
        assert asked.nonce


def test_a_long_challenge_takes_no_time() -> None:
    for value in ("a " * 8000, 'a="' * 4000, "Digest " + 'a=b"' * 4000, '"' * 16000, "," * 16000):
        assert challenge([value]) is None
