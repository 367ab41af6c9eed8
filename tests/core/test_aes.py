"""AES against the vectors of FIPS 197, appendices B and C."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.core.aes import decrypted, encrypted

PLAIN = bytes.fromhex("00112233445566778899aabbccddeeff")


@pytest.mark.parametrize(
    ("key", "plain", "cipher"),
    [
        ("2b7e151628aed2a6abf7158809cf4f3c", "3243f6a8885a308d313198a2e0370734", "3925841d02dc09fbdc118597196a0b32"),
        (bytes(range(16)).hex(), PLAIN.hex(), "69c4e0d86a7b0430d8cdb78070b4c55a"),
        (bytes(range(24)).hex(), PLAIN.hex(), "dda97ca4864cdfe06eaf70a0ec0d7191"),
        (bytes(range(32)).hex(), PLAIN.hex(), "8ea2b7ca516745bfeafc49904b496089"),
    ],
)
def test_the_published_vectors_come_out(key: str, plain: str, cipher: str) -> None:
    assert encrypted(bytes.fromhex(key), bytes.fromhex(plain)).hex() == cipher
    assert decrypted(bytes.fromhex(key), bytes.fromhex(cipher)).hex() == plain


@given(st.sampled_from((16, 24, 32)).flatmap(lambda n: st.binary(min_size=n, max_size=n)), st.binary(max_size=4).map(lambda b: b * 16))
def test_what_is_encrypted_is_decrypted(key: bytes, data: bytes) -> None:
    assert decrypted(key, encrypted(key, data)) == data


@pytest.mark.parametrize(("key", "data"), [(bytes(15), bytes(16)), (bytes(16), bytes(17))])
def test_other_lengths_are_refused(key: bytes, data: bytes) -> None:
    with pytest.raises(ValueError, match="bytes"):
        encrypted(key, data)
