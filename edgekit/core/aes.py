"""Encrypt and decrypt blocks of 16 bytes with AES (FIPS 197), as some instruments scramble what they send.

The keys are those of an instrument's firmware and known to everyone: this hides nothing, and must not be used to.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

BLOCK_BYTES: Final = 16


def _doubled(value: int) -> int:
    return (value << 1 ^ 0x11B) & 0xFF if value & 0x80 else value << 1


def _times(a: int, b: int) -> int:
    """Multiply in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1."""
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a, b = _doubled(a), b >> 1
    return product


def _substitution() -> bytes:
    """Return the S-box: the inverse in GF(2^8), then the affine map of FIPS 197, 5.1.1."""
    box, p, q = bytearray(256), 1, 1
    while True:
        p = p ^ _doubled(p)  # runs through the powers of 3, q through those of its inverse
        q ^= q << 1
        q ^= q << 2
        q = (q ^ q << 4) & 0xFF
        q ^= 0x09 if q & 0x80 else 0
        box[p] = q ^ (q << 1 | q >> 7) & 0xFF ^ (q << 2 | q >> 6) & 0xFF ^ (q << 3 | q >> 5) & 0xFF ^ (q << 4 | q >> 4) & 0xFF ^ 0x63
        if p == 1:
            box[0] = 0x63
            return bytes(box)


_BOX: Final = _substitution()
_BACK: Final = bytes(_BOX.index(value) for value in range(256))


def _columns(box: bytes, factors: tuple[int, int, int, int]) -> tuple[tuple[int, ...], ...]:
    """Return, for each row of a column, what its byte adds to the column: substituted and multiplied, as one word of 32 bits."""
    rows = []
    for row in range(4):
        weights = [factors[(place - row) % 4] for place in range(4)]
        rows.append(tuple(int.from_bytes(bytes(_times(box[v], weight) for weight in weights), "big") for v in range(256)))
    return tuple(rows)


_MIX: Final = _columns(_BOX, (2, 1, 1, 3))
_UNMIX: Final = _columns(_BACK, (14, 9, 13, 11))


def _unmixed(word: int) -> int:
    return _UNMIX[0][_BOX[word >> 24]] ^ _UNMIX[1][_BOX[word >> 16 & 255]] ^ _UNMIX[2][_BOX[word >> 8 & 255]] ^ _UNMIX[3][_BOX[word & 255]]


@lru_cache(maxsize=8)
def _schedule(key: bytes) -> tuple[tuple[int, ...], ...]:
    """Return the four words of each round (FIPS 197, 5.2); raise ValueError for a key of another length."""
    if len(key) not in (16, 24, 32):
        raise ValueError(f"an AES key has 16, 24 or 32 bytes, not {len(key)}")
    length, words, constant = len(key) // 4, [int.from_bytes(key[i : i + 4], "big") for i in range(0, len(key), 4)], 1
    for place in range(length, 4 * (length + 7)):
        word = words[-1]
        if place % length == 0:
            word = _substituted((word << 8 | word >> 24) & 0xFFFFFFFF) ^ constant << 24
            constant = _doubled(constant)
        elif length > 6 and place % length == 4:
            word = _substituted(word)
        words.append(words[-length] ^ word)
    return tuple(tuple(words[i : i + 4]) for i in range(0, len(words), 4))


def _substituted(word: int) -> int:
    return int.from_bytes(word.to_bytes(4, "big").translate(_BOX), "big")


@lru_cache(maxsize=8)
def _reversed_schedule(key: bytes) -> tuple[tuple[int, ...], ...]:
    """Return the rounds of the equivalent inverse cipher (FIPS 197, 5.3.5)."""
    rounds = _schedule(key)
    return (rounds[-1], *(tuple(map(_unmixed, words)) for words in rounds[-2:0:-1]), rounds[0])


def encrypted(key: bytes, data: bytes) -> bytes:
    """Return `data`, whole blocks of 16 bytes, encrypted block by block (ECB); raise ValueError for other lengths."""
    return _all(_schedule(key), data, _MIX, _BOX, 1)


def decrypted(key: bytes, data: bytes) -> bytes:
    """Return `data`, whole blocks of 16 bytes, decrypted block by block (ECB); raise ValueError for other lengths."""
    return _all(_reversed_schedule(key), data, _UNMIX, _BACK, 3)


def _all(rounds: tuple[tuple[int, ...], ...], data: bytes, mix: tuple[tuple[int, ...], ...], box: bytes, shift: int) -> bytes:
    if len(data) % BLOCK_BYTES:
        raise ValueError(f"{len(data)} bytes are no whole blocks")
    return b"".join(_block(rounds, data[i : i + BLOCK_BYTES], mix, box, shift) for i in range(0, len(data), BLOCK_BYTES))


def _block(rounds: tuple[tuple[int, ...], ...], data: bytes, mix: tuple[tuple[int, ...], ...], box: bytes, shift: int) -> bytes:
    """Return one block; `shift` is by how many columns each row moves against the one above it."""
    first, second, third, fourth = mix
    state = [int.from_bytes(data[4 * c : 4 * c + 4], "big") ^ rounds[0][c] for c in range(4)]
    around = [(c, (c + shift) % 4, (c + 2) % 4, (c + 3 * shift) % 4) for c in range(4)]
    for words in rounds[1:-1]:
        state = [
            first[state[a] >> 24] ^ second[state[b] >> 16 & 255] ^ third[state[c] >> 8 & 255] ^ fourth[state[d] & 255] ^ words[a]
            for a, b, c, d in around
        ]
    last = [
        (box[state[a] >> 24] << 24 | box[state[b] >> 16 & 255] << 16 | box[state[c] >> 8 & 255] << 8 | box[state[d] & 255]) ^ rounds[-1][a]
        for a, b, c, d in around
    ]
    return b"".join(word.to_bytes(4, "big") for word in last)
