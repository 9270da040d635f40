"""Keys, signatures and encryption against the vectors of their standards and a real agent's."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.wire import ber, snmp, snmp_v3, usm
from probes.wire.ber import Malformed
from probes.wire.usm import CIPHERS, HASHES, Sealer, Signer

ENGINE = bytes.fromhex("000000000000000000000002")

# RFC 3414, A.3.1, A.3.2, A.5.1, A.5.2; of SHA-2 RFC 7860 prints none: these are what independent
# programs publish for the same password and engine.
KEYS = [
    (
        "MD5",
        b"maplesyrup",
        "9faf3283884e92834ebc9847d8edd963",
        "526f5eed9fcce26f8964c2930787d82b",
    ),
    (
        "SHA-1",
        b"maplesyrup",
        "9fb5cc0381497b3793528939ff788d5d79145211",
        "6695febc9288e36282235fc7151f128497b38f3f",
    ),
    (
        "MD5",
        b"newsyrup",
        "01add273107c4e596b4b00f82b1d42a7",
        "87021d7bd9d101ba05ea6e3bf9d9bd4a",
    ),
    (
        "SHA-1",
        b"newsyrup",
        "3a51a6d736aa347b83dc4a87e3e55ee4d698ac71",
        "78e2dcce79d59403b58c1bbaa5bff46391f1cd25",
    ),
    (
        "SHA-224",
        b"maplesyrup",
        "282a5867ee9aac639ad59df9572c7d3ac0fbc13a905b6df07dbbf00b",
        "0bd8827c6e29f8065e08e09237f177e410f69b90e1782be682075674",
    ),
    (
        "SHA-256",
        b"maplesyrup",
        "ab51014d1e077f6017df2b12bee5f5aa72993177e9bb569c4dff5a4ca0b4afac",
        "8982e0e549e866db361a6b625d84cccc11162d453ee8ce3a6445c2d6776f0f8b",
    ),
    (
        "SHA-384",
        b"maplesyrup",
        "e06eccdf2c68a06ed034723c9c26e0db3b669e1e2efed49150b55377a2e98f38"
        "3c86fb836857444654b287c93f51ff64",
        "3b298f16164a11184279d5432bf169e2d2a48307de02b3d3f7e2b4f36eb6f045"
        "5a53689a3937eea07319a633d2ccba78",
    ),
    (
        "SHA-512",
        b"maplesyrup",
        "7e4396de5aadc77be853819b98c9406265b3a9c37cc3176569847a4e4f6fba63"
        "dd3a73d04924d31a63f95a601f9385af6be4ed1b37f87d040f7c6ed6f8d38a91",
        "22a5a36cedfcc085807a128d7bc6c2382167ad6c0dbc5fdff856740f3d84c099"
        "ad1ea87a8db096714d9788bd544047c9021e4229ce27e4c0a69250adfcffbb0b",
    ),
]


@pytest.mark.parametrize(("name", "password", "key", "localised"), KEYS)
def test_a_password_becomes_a_key(name: str, password: bytes, key: str, localised: str) -> None:
    hash_ = HASHES[name]
    made = usm.key(hash_, password)
    assert made.hex() == key
    assert usm.localised(hash_, made, ENGINE).hex() == localised
    assert hash_.size == len(made)


def test_a_key_needs_a_password() -> None:
    with pytest.raises(ValueError, match="empty"):
        usm.key(HASHES["SHA-256"], b"")


def test_a_short_key_is_lengthened_by_hashing_all_of_it() -> None:
    """draft-blumenthal-aes-usm-04, 3.1.2.1."""
    hash_ = HASHES["MD5"]
    first = bytes(range(16))
    second = hashlib.md5(first).digest()
    third = hashlib.md5(first + second).digest()
    assert usm.lengthened(hash_, first, 16) == first
    assert usm.lengthened(hash_, first, 24) == first + second[:8]
    assert usm.lengthened(hash_, first, 40) == first + second + third[:8]
    assert usm.lengthened(HASHES["SHA-512"], bytes(64), 32) == bytes(32)


# --- ciphers


def test_aes_is_cfb_with_128_bits_of_feedback() -> None:
    """NIST SP 800-38A, F.3.13 (CFB128-AES128); its IV is ours of boots, time and salt (RFC 3826,
    3.1.2.1)."""
    sealer = Sealer("AES-128", bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c"))
    plain = bytes.fromhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51")
    sealed = bytes.fromhex("3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b")
    boots, time, salt = 0x00010203, 0x04050607, bytes.fromhex("08090a0b0c0d0e0f")
    assert sealer.encrypted(boots, time, int.from_bytes(salt, "big"), plain) == (salt, sealed)
    assert sealer.decrypted(boots, time, salt, sealed) == plain


@pytest.mark.parametrize(
    ("cipher", "key", "sealed"),
    [  # NIST SP 800-38A, F.3.15 and F.3.17
        (
            "AES-192",
            "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
            "cdc80d6fddf18cab34c25909c99a4174",
        ),
        (
            "AES-256",
            "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
            "dc7e84bfda79164b7ecd8486985d3860",
        ),
    ],
)
def test_longer_keys_of_aes(cipher: str, key: str, sealed: str) -> None:
    sealer = Sealer(cipher, bytes.fromhex(key))
    plain = bytes.fromhex("6bc1bee22e409f96e93d7e117393172a")
    _, got = sealer.encrypted(0x00010203, 0x04050607, 0x08090A0B0C0D0E0F, plain)
    assert got.hex() == sealed


def test_des_is_cbc_of_boots_and_a_count() -> None:
    """FIPS 81, table C1; the IV is the key's latter half and the salt, added without carry (RFC
    3414, 8.1.1.1)."""
    iv, salt = 0x1234567890ABCDEF, (7 << 32 | 9)
    pre_iv = (iv ^ salt).to_bytes(8, "big")
    sealer = Sealer("DES", bytes.fromhex("0123456789abcdef") + pre_iv)
    sealed = bytes.fromhex("e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6")
    plain = b"Now is the time for all "
    assert sealer.encrypted(7, 1234, 9, plain) == (salt.to_bytes(8, "big"), sealed)
    assert sealer.decrypted(7, 1234, salt.to_bytes(8, "big"), sealed) == plain


def test_des_fills_its_last_block() -> None:
    sealer = Sealer("DES", bytes(range(16)))
    salt, sealed = sealer.encrypted(1, 1, 1, b"nine byte")
    assert len(sealed) == 16
    assert sealer.decrypted(1, 1, salt, sealed)[:9] == b"nine byte"
    with pytest.raises(Malformed, match="blocks of 8"):
        sealer.decrypted(1, 1, salt, sealed[:-1])


@pytest.mark.parametrize("cipher", CIPHERS)
@given(
    data=st.binary(max_size=200), count=st.integers(0, 2**64 - 1), time=st.integers(0, 2**31 - 1)
)
def test_what_is_encrypted_can_be_read_again(
    cipher: str, data: bytes, count: int, time: int
) -> None:
    sealer = Sealer(cipher, bytes(range(CIPHERS[cipher])))
    salt, sealed = sealer.encrypted(3, time, count, data)
    assert sealer.decrypted(3, time, salt, sealed)[: len(data)] == data


@pytest.mark.parametrize("salt", [b"", bytes(7), bytes(9)])
def test_a_salt_of_another_size_is_none(salt: bytes) -> None:
    with pytest.raises(Malformed, match="expected 8 privacy parameters"):
        Sealer("AES-128", bytes(16)).decrypted(1, 1, salt, b"1234")


# --- signatures


@pytest.mark.parametrize("name", HASHES)
def test_a_signature_is_the_head_of_an_hmac_over_zeros(name: str) -> None:
    """RFC 3414, 6.3.1 and RFC 7860, 4.2.1."""
    hash_ = HASHES[name]
    message = b"head" + bytes(hash_.sent) + b"tail"
    signed = Signer(hash_, b"key").signed(message, 4)
    whole = hmac.new(b"key", message, hash_.name).digest()
    assert signed == b"head" + whole[: hash_.sent] + b"tail"
    assert Signer(hash_, b"key").verifies(signed, 4, 4 + hash_.sent)
    assert not Signer(hash_, b"yek").verifies(signed, 4, 4 + hash_.sent)
    assert not Signer(hash_, b"key").verifies(signed, 4, 3 + hash_.sent)
    assert not Signer(hash_, b"key").verifies(signed, 4, 4)


@given(place=st.integers(0, 59), bit=st.integers(0, 7))
def test_one_bit_breaks_a_signature(place: int, bit: int) -> None:
    signer = Signer(HASHES["SHA-256"], b"key")
    signed = bytearray(signer.signed(bytes(60), 20))
    signed[place] ^= 1 << bit
    assert not signer.verifies(bytes(signed), 20, 44)


# --- a real agent

# What Net-SNMP 5.9.3 answered to a GET of sysUpTime.0; all users have the same two passwords.
ANSWERS = [
    (
        "SHA-256",
        "AES-128",
        "3081980201033011020430e3ca16020300ffe304010302010304463044041180001f8880907bb002b9a0046b"
        "00000000020101020201c30404753235360418619c83b6b117d893d18317911ee813e57e8872bb27519b3104"
        "0898acf3811908bcef043850ec708fe7a0d91f90d9cf825341e471cdf4bb9fc224ce7d2869efbd2dd045c747"
        "042a93914ecb256184662a79b6aff813fd41a9461f6693",
    ),
    (
        "MD5",
        "DES",
        "30818a0201033011020430e3ca1a020300ffe304010302010304383036041180001f8880907bb002b9a0046b"
        "00000000020101020201c30402756d040c74f4ed30d46b1b6dc7d6c1180408000000013b73890a0438dcbcdf"
        "b9bd826ef4cdd27cd60e6ccb26e0047b1b2e29f2d3d6c02b137f85e7d94177ecf9801613b01ccbf6a5847f7b"
        "58329e8fe41d7c69a6",
    ),
    (
        "SHA-1",
        "AES-256",
        "30818b0201033011020430e3ca1e020300ffe304010302010304393037041180001f8880907bb002b9a0046b"
        "00000000020101020201c3040375316c040cde99da3ab972a86574fe08ba040898acf3811908bcf2043888f5"
        "7b8437fa97b072657c21d100d0e9a1e91b082cbe682234574b0833f179b07fa67faa7addc7003781083c4b66"
        "2cdca5e519c258de7bf1",
    ),
    (
        "SHA-512",
        "AES-256",
        "3081b00201033011020430e3ca22020300ffe3040103020103045e305c041180001f8880907bb002b9a0046b"
        "00000000020101020201c304047535313204302eeb67e0e1ab2f532e8ed7ff3616fe1b0b3f253ab79e70cfa9"
        "24b6929b780c8d072b17be7e2cd5ab292c8bc5ac4e4b41040898acf3811908bcf504385152a30240856c6715"
        "dd8fe0895200138f4c630a09a9dc78291ba8bf862ebead63b2943a8615ff6117d7083d2e3b3d3852370238bd"
        "e217f3",
    ),
]


@pytest.mark.parametrize(("auth", "privacy", "recorded"), ANSWERS)
def test_an_agents_answer_is_verified_and_read(auth: str, privacy: str, recorded: str) -> None:
    message = snmp_v3.opened(bytes.fromhex(recorded))
    hash_ = HASHES[auth]
    signing = usm.localised(hash_, usm.key(hash_, b"authpass12"), message.engine_id)
    sealing = usm.localised(hash_, usm.key(hash_, b"privpass12"), message.engine_id)
    assert Signer(hash_, signing).verifies(message.data, *message.signature)

    sealer = Sealer(privacy, usm.lengthened(hash_, sealing, CIPHERS[privacy]))
    body = sealer.decrypted(message.boots, message.time, message.salt, message.body)
    scoped = snmp_v3.opened_scoped(body, padding=7)
    assert scoped.engine_id == message.engine_id
    head = snmp.opened_pdu(scoped.pdu)
    assert (head.pdu, head.request_id) == (snmp.RESPONSE, message.msg_id)
    [(oid, tag, _, _)] = snmp.slots(scoped.pdu, head.at)
    assert (ber.dotted(oid), tag) == ("1.3.6.1.2.1.1.3.0", 0x43)
