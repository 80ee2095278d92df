"""How a browser carries a session: in a cookie that no script can read, and that no other site's page can use.

Every request that may change something must come from a page of our own (Fetch Metadata, W3C; else RFC 6454's Origin):
the cookie alone proves only which browser asks, not who made it ask.
"""

from collections.abc import Mapping

from yarl import URL

NAME = "gateway-session"
_SAFE = ("GET", "HEAD")


def given(token: str, *, secure: bool) -> str:
    """`Set-Cookie` of a session that was begun."""
    return f"{NAME}={token}; Path=/; HttpOnly; SameSite=Strict" + ("; Secure" if secure else "")


TAKEN = f"{NAME}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0"
"""`Set-Cookie` of a session that was ended"""


def forged(method: str, headers: Mapping[str, str], host: str) -> bool:
    """Whether a request with the cookie may have been made by another site's page."""
    if method in _SAFE:
        return False
    site = headers.get("Sec-Fetch-Site")
    if site is not None:
        return site != "same-origin"
    try:
        origin = URL(headers.get("Origin", ""))
        return origin.authority == "" or URL(f"{origin.scheme}://{host}").authority != origin.authority
    except ValueError:
        return True
