"""The house's own keys: those that wrap people's keys, find people without naming them, and sign what is anchored.

They live in one file that is never in the database, so that a copy of the database opens nothing.
"""

import base64
import hashlib
import hmac
import json
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

NONCE_BYTES = 12
BLIND_BYTES = 16
SEP = b"\x1f"


class KeyringError(ValueError):
    """The file cannot be used; the text is a sentence that names it."""


class Keyring:
    """`keks` wrap data keys, by version (the highest wraps, all unwrap); `index` blinds names; `signing` signs."""

    def __init__(self, keks: dict[int, bytes], index: bytes, signing: bytes) -> None:
        self._keks = {version: AESGCM(key) for version, key in keks.items()}
        self.version = max(keks)
        self._index = index
        self._signing = Ed25519PrivateKey.from_private_bytes(signing)
        self.public = self._signing.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.house = Sealer(hmac.digest(index, b"house", "sha256"))
        """seals what is no person's: stops of addresses, the control document"""

    def blind(self, *names: str) -> bytes:
        """Finds a name again without telling it: a keyed digest, for a bare one of a phone number can be guessed."""
        return hmac.digest(self._index, SEP.join(name.encode() for name in names), "sha256")[:BLIND_BYTES]

    def sign(self, text: bytes) -> bytes:
        """An Ed25519 signature (RFC 8032)."""
        return self._signing.sign(text)

    @property
    def key_id(self) -> str:
        """By which an anchor names the key that signed it: the first half of the public key's SHA-256."""
        return hashlib.sha256(self.public).hexdigest()[:32]

    def wrap(self, key: bytes, uid: str) -> bytes:
        """A data key under the latest key-encryption key, bound to whose it is."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._keks[self.version].encrypt(nonce, key, _bound("dek", uid, str(self.version)))

    def unwrap(self, wrapped: bytes, uid: str, version: int) -> bytes:
        """The inverse. Raises KeyringError if it is another's, was changed, or its key is not in the ring."""
        if version not in self._keks:
            raise KeyringError(f"the keyring has no version {version} of the key-encryption key")
        try:
            return self._keks[version].decrypt(
                wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], _bound("dek", uid, str(version))
            )
        except InvalidTag:
            raise KeyringError("a person's key does not open: it is another's, or was changed") from None


class Sealer:
    """Seals and opens what one key protects: AES-256-GCM, bound to a context, so that nothing can be put elsewhere."""

    __slots__ = ("_aead", "key")

    def __init__(self, key: bytes) -> None:
        self.key = key
        self._aead = AESGCM(key)

    def seal(self, plain: bytes, *context: str) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, plain, _bound(*context))

    def open(self, sealed: bytes, *context: str) -> bytes:
        """Raises KeyringError if it was sealed by another key or for another context, or was changed."""
        try:
            return self._aead.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _bound(*context))
        except InvalidTag:
            raise KeyringError("what is sealed does not open: another key or context, or it was changed") from None

    def name(self, *names: str) -> str:
        """A pseudonym that only this key can make, 32 hexadecimal digits: gone for good with the key."""
        return hmac.digest(self.key, SEP.join(name.encode() for name in names), "sha256")[:16].hex()


def _bound(*context: str) -> bytes:
    return SEP.join(part.encode() for part in context)


def open_keyring(path: Path) -> Keyring:
    """The keyring of a file; where there is none, a new one is made, readable by its owner only.

    Raises KeyringError for a file that is no keyring, OSError where it can be neither read nor written.
    """
    try:
        text = path.read_text(encoding="ascii")
    except FileNotFoundError:
        text = _made(path)
    try:
        found = json.loads(text)
        keks = {int(version): base64.b64decode(key, validate=True) for version, key in found["keks"].items()}
        index, signing = (base64.b64decode(found[name], validate=True) for name in ("index", "signing"))
        return Keyring(keks, index, signing)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise KeyringError(f"{path.name} is no keyring: {type(error).__name__}") from None


def rotated(path: Path) -> None:
    """Adds a new key-encryption key to the file; those before stay until nothing is wrapped by them."""
    found = json.loads(path.read_text(encoding="ascii"))
    found["keks"][str(max(map(int, found["keks"])) + 1)] = _fresh()
    _replace(path, json.dumps(found, indent=1))


def _made(path: Path) -> str:
    """Writes a new keyring; of two processes that try at once, both use that of the first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"keks": {"1": _fresh()}, "index": _fresh(), "signing": _fresh()}, indent=1)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _write(draft, text)
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink(missing_ok=True)
    return path.read_text(encoding="ascii")


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    _write(draft, text)
    os.replace(draft, path)


def _write(path: Path, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _fresh() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()
