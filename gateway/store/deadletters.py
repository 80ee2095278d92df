"""The dead letters as operators handle them: look at what could not be read, put it back, or drop it."""

import base64
import binascii
from collections.abc import AsyncIterator
from importlib import resources
from typing import Any

import msgspec
import redis.asyncio as redis
from msgspec import Struct

from gateway.domain.errors import Fault
from gateway.store.keys import Keys
from gateway.store.streams import walk


class DeadLetter(Struct, frozen=True):
    """One entry of the stream of the dead; `fields` are the original ones as the contract writes them (section 1)."""

    id: str
    stream: str
    error: str
    fields: dict[str, Any]


class DeadLetters:
    """Raises StoreError when Redis cannot be had."""

    def __init__(self, store: redis.Redis, keys: Keys) -> None:
        self._redis, self._keys = store, keys
        folder = resources.files("gateway.store").joinpath("lua")
        self._replay = store.register_script(folder.joinpath("replay.lua").read_text())

    async def all(self) -> AsyncIterator[DeadLetter]:
        """Those there are now, the oldest first; what arrives meanwhile is not among them."""
        async for entry_id, fields in walk(self._redis, self._keys.dead):
            yield _letter(entry_id, fields)

    async def find(self, entry_id: str) -> DeadLetter | None:
        rows: Any = await self._redis.xrange(self._keys.dead, min=entry_id, max=entry_id)
        return _letter(*rows[0]) if rows else None

    async def replay(self, letter: DeadLetter) -> bool | Fault:
        """Puts it back on its stream; False if somebody else did, a Fault if it cannot be."""
        fields = self.originals(letter)
        if isinstance(fields, Fault):
            return fields
        arguments = [letter.id, *(part for field in fields.items() for part in field)]
        return bool(await self._replay(keys=[self._keys.dead, letter.stream], args=arguments))

    def originals(self, letter: DeadLetter) -> dict[str, bytes] | Fault:
        """The fields as they stood on the stream, or why it cannot be put back."""
        if letter.stream not in self._keys.inbound:
            return Fault(letter.id, f"{letter.stream or 'its stream'} is none of the inbound streams")
        found = {name: _original(value) for name, value in letter.fields.items()}
        if cut := [name for name, value in found.items() if value is None]:
            return Fault(letter.id, f"the field {cut[0]} was cut when it was put aside; send the original again")
        return {name: value for name, value in found.items() if value is not None} or Fault(
            letter.id, "holds no fields to put back"
        )

    async def drop(self, letter: DeadLetter) -> bool:
        """Deletes it; False if it was not there any more."""
        return bool(await self._redis.xdel(self._keys.dead, letter.id))


def _letter(entry_id: bytes, fields: dict[bytes, bytes]) -> DeadLetter:
    try:
        original = msgspec.json.decode(fields.get(b"entry", b"{}"), type=dict[str, Any])
    except msgspec.DecodeError:
        original = {}
    stream, error = (fields.get(name, b"").decode("utf-8", "replace") for name in (b"stream", b"error"))
    return DeadLetter(entry_id.decode(), stream, error, original)


def _original(value: Any) -> bytes | None:
    """The bytes that stood there; None where they were cut."""
    if isinstance(value, str):
        return value.encode()
    if not isinstance(value, dict) or value.get("truncated"):
        return None
    try:
        return base64.b64decode(value["base64"], validate=True)
    except (KeyError, TypeError, binascii.Error):
        return None
