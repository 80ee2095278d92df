"""What is signed of a chain, and how: its end after every transaction, and an anchor now and then."""

import base64
import hashlib

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from gateway.domain.clock import Instant
from gateway.ledger.chain import canonical
from gateway.ledger.keyring import Keyring

FORM = "cng-anchor-v1"
HEAD = "head.json"
"""the file beside the anchors"""


class Anchor(Struct, frozen=True, kw_only=True):
    """What is said of the chain at one moment. `root` is the Merkle root over the hashes of `first` to `seq`, `hash`
    that of `seq`, both hexadecimal; `before` the SHA-256 of the line before; `sig` signs the rest (Ed25519, base64)."""

    form: str = FORM
    at: Instant
    first: int
    seq: int
    hash: str
    root: str
    before: str
    key: str
    sig: str = ""


class Head(Struct, frozen=True, kw_only=True):
    """The end of the chain after the latest transaction, signed likewise. `anchored` is the last anchor's `seq`, and
    `anchor` the SHA-256 of its line, so that no anchor can be left out unseen either."""

    at: Instant
    seq: int
    hash: str
    anchored: int
    anchor: str
    key: str
    sig: str = ""


def sign_head(
    keyring: Keyring, at: Instant, seq: int, own: bytes, anchored: int = 0, line: str = ""
) -> str:  # fmt: skip
    """The end of the chain as a signed document; `anchored` and `line` are those of the last anchor."""
    head = Head(
        at=at, seq=seq, hash=own.hex(), anchored=anchored, anchor=digest(line), key=keyring.key_id
    )  # fmt: skip
    return canonical(msgspec.structs.replace(head, sig=signature(keyring, head)))


def signature(keyring: Keyring, signed: Anchor | Head) -> str:
    return base64.b64encode(keyring.sign(unsigned(signed))).decode()


def digest(line: str) -> str:
    """By which an anchor names the one before, and the head the last: the SHA-256 of its line, of nothing for none."""
    return hashlib.sha256(line.encode()).hexdigest()


def unsigned(signed: Anchor | Head) -> bytes:
    """What a signature signs: the document without it, as canonical JSON."""
    found = msgspec.to_builtins(signed)
    del found["sig"]
    return canonical(found).encode()


def signed_by(public: bytes, signed: Anchor | Head) -> bool:
    """Whether the signature is of this key."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(base64.b64decode(signed.sig), unsigned(signed))
    except (InvalidSignature, ValueError):
        return False
    return True
