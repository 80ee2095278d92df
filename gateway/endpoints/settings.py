"""What an operator says of a producer's endpoint, and what may be wrong with it; starts nothing."""

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from ipaddress import ip_address, ip_network
from typing import Annotated, Any

from msgspec import Meta, Struct
from yarl import URL

from gateway.domain.errors import Fault
from gateway.endpoints.guard import Network, forbidden, literal

SECRET_BYTES = (24, 64)
MOST_SECRETS = 2
_SECRET = "whsec_"


def _name(given: Any) -> str:
    if not isinstance(given, str) or not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", given):
        raise ValueError("must be 1 to 64 letters, digits, _ and -")
    return given


def _url(given: Any) -> URL:
    try:
        url = URL(given)
        url.port  # noqa: B018 - read here, because it is parsed when it is read
    except (TypeError, ValueError):
        raise ValueError("must be an address that begins with https://") from None
    if url.scheme not in ("https", "http") or not url.host or re.search(r"[\s\x00-\x1f]", str(given)):
        raise ValueError("must be an address that begins with https://")
    if url.user or url.password or url.raw_fragment:
        raise ValueError("must hold neither user, nor password, nor #; the signature tells who we are")
    if (address := literal(url.host)) and not _usual(url.host):
        raise ValueError(f"write the address {url.host} as {address}")
    return url


def _usual(host: str) -> bool:
    try:
        return bool(ip_address(host))
    except ValueError:
        return False


def _tenants(given: Any) -> tuple[str, ...]:
    if not isinstance(given, list) or not given or not all(isinstance(one, str) and one for one in given):
        raise ValueError("must be a list of the tenants whose receipts it gets, such as [default]")
    return tuple(given)


def _secrets(given: Any) -> tuple[bytes, ...]:
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_SECRETS:
        raise ValueError("must be a list of one secret, or of two while it is changed")
    return tuple(_secret(one) for one in given)


def _secret(given: Any) -> bytes:
    least, most = SECRET_BYTES
    text = given.removeprefix(_SECRET) if isinstance(given, str) and given.startswith(_SECRET) else ""
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not least <= len(key) <= most:
        raise ValueError(f"each must be whsec_ and then {least} to {most} bytes in base64")
    return key


def _networks(given: Any) -> tuple[Network, ...]:
    if not isinstance(given, list):
        raise ValueError("must be a list of networks, such as [10.1.2.0/24]")
    try:
        return tuple(ip_network(one if isinstance(one, str) else "") for one in given)
    except ValueError as error:
        raise ValueError(f"must be a list of networks, such as [10.1.2.0/24]: {error}") from None


def _parsed(parse: Any) -> Meta:
    return Meta(extra={"parse": parse})


class Endpoint(Struct, frozen=True, kw_only=True):
    """One endpoint. `networks` are the house's own networks to which it may lead; plain http is for them alone."""

    name: Annotated[str, _parsed(_name)]
    url: Annotated[URL, _parsed(_url)]
    tenants: Annotated[tuple[str, ...], _parsed(_tenants)]
    secrets: Annotated[tuple[bytes, ...], _parsed(_secrets)]
    networks: Annotated[tuple[Network, ...], _parsed(_networks)] = ()

    def __repr__(self) -> str:
        return f"<endpoint {self.name}>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("name", self.name)]

    @property
    def plain(self) -> bool:
        """Whether it is asked without TLS."""
        return self.url.scheme == "http"

    def mistakes(self) -> Iterator[Fault]:
        """What no single key can say."""
        if self.plain and not self.networks:
            yield Fault("url", "must begin with https://; http is for house-internal networks that `networks` lists")
        address = literal(self.url.host or "")
        if address and (why := forbidden(address, self.networks, only_listed=self.plain and bool(self.networks))):
            yield Fault("url", f"leads to {address} ({why}); list its network under `networks` if it is yours")


def mistakes(endpoints: Sequence[Endpoint | None], path: str) -> Iterator[Fault]:
    """The faults of a whole list, with their keys under `path`; None stands for one that could not be read."""
    seen: set[str] = set()
    for index, one in enumerate(endpoints):
        if one is None:
            continue
        for fault in one.mistakes():
            yield Fault(f"{path}[{index}].{fault.field}", fault.message)
        if one.name in seen:
            yield Fault(f"{path}[{index}].name", f"{one.name} is also the name of another endpoint")
        seen.add(one.name)
