"""Where people of the house sign in, as the configuration tells it: OpenID Connect."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, get_args

from msgspec import Meta, Struct

from gateway.domain.clock import HOUR
from gateway.domain.errors import Fault
from gateway.shape import Discreet, Duration, parsed

ApiRole = Literal["producer", "ops", "compliance", "auditor", "admin"]


def _roles(given: Any) -> dict[str, str]:
    """Words of a claim, each with the role that it means."""
    if not isinstance(given, Mapping) or not given:
        raise ValueError("expected a mapping of words to roles")
    if unheard := [role for role in given.values() if role not in get_args(ApiRole)]:
        raise ValueError(f"{unheard[0]}: no such role; there are {', '.join(get_args(ApiRole))}")
    return {str(word): str(role) for word, role in given.items()}


def _scopes(given: Any) -> tuple[str, ...]:
    """Scope tokens (RFC 6749, 3.3) with the one that makes a request one of OpenID Connect (Core 3.1.2.1)."""
    words = given if isinstance(given, list) else []
    if "openid" not in words or not all(re.fullmatch(r"[\x21\x23-\x5b\x5d-\x7e]+", str(word)) for word in words):
        raise ValueError("expected a list of words without spaces and quotes, openid among them")
    return tuple(map(str, words))


class SignIn(Discreet, frozen=True, kw_only=True):
    """The client that the provider knows the console as, without secret a public one; `session` in ms."""

    client_id: Annotated[str, Meta(min_length=1)]
    client_secret: Annotated[str, Meta(min_length=1)] | None = None
    scopes: Annotated[tuple[str, ...], parsed(_scopes)] = ("openid", "profile")
    session: Duration = 8 * HOUR


class Oidc(Struct, frozen=True, kw_only=True):
    """Where people of the house sign in, in a browser by `sign_in`. `roles` are words of the claim, with our roles."""

    issuer: Annotated[str, Meta(pattern=r"^https?://\S+$")]
    audience: Annotated[str, Meta(min_length=1)]
    roles_claim: Annotated[str, Meta(min_length=1)] = "groups"
    roles: Annotated[dict[str, str], parsed(_roles)]
    sign_in: SignIn | None = None


def sign_in_faults(web: Any, ledger: Any) -> Iterator[Fault]:
    """What signing in by a provider needs of other keys."""
    web, ledger = (part if isinstance(part, Mapping) else {} for part in (web, ledger))
    if isinstance(oidc := web.get("oidc"), Mapping) and oidc.get("sign_in"):
        for section, key, why in (
            (web, "web.public_url", "the provider sends people back to it"),
            (web, "web.secrets", "one seals what a sign-in under way must know"),
            (ledger, "ledger.url", "sessions are kept there"),
        ):
            if not section.get(key.partition(".")[2]):
                yield Fault(key, f"web.oidc.sign_in needs it: {why}")
