"""A browser's session: begun, used, ended, taken away, and of no use to other sites' pages."""

from typing import Any

import aiohttp

from tests.stories.test_console import house
from tests.stories.test_four_eyes import PASSWORD
from tests.stories.world import World

OURS, THEIRS = {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "cross-site"}


async def signed_in(session: aiohttp.ClientSession, base: str, name: str, before: str = "") -> str:
    given = {"name": name, "password": PASSWORD}
    async with session.post(f"{base}/v1/sessions", json=given, headers={"Cookie": before} if before else {}) as answer:
        assert answer.status == 201
        cookie = answer.headers["Set-Cookie"]
    assert "; HttpOnly; SameSite=Strict" in cookie
    return cookie.partition(";")[0]


async def asked(session: aiohttp.ClientSession, method: str, url: str, cookie: str, **given: Any) -> int:
    headers = {"Cookie": cookie, **given.pop("headers", OURS)}
    async with session.request(method, url, headers=headers, **given) as answer:
        return answer.status


async def changed(session: aiohttp.ClientSession, base: str, cookie: str, change: dict[str, Any]) -> int:
    async with session.get(f"{base}/v1/people", headers={"Cookie": cookie}) as answer:
        [digest] = [one["digest"] for one in (await answer.json())["people"] if one["name"] == "otto"]
    given = {**OURS, "If-Match": f'"{digest}"'}
    return await asked(session, "POST", f"{base}/v1/people/otto", cookie, json=change, headers=given)


async def test_a_session_is_one_browsers_and_ends_when_it_should(world: World) -> None:
    people = ("otto", "ops"), ("root", "admin")
    order = {"type": "pause", "id": "o", "at": "2026-11-27T10:00:00Z", "by": "otto", "channel": "sms"}
    async with house(world, *people) as base, aiohttp.ClientSession() as session:
        mine, root = await signed_in(session, base, "otto"), await signed_in(session, base, "root")
        again = await signed_in(session, base, "otto", before=mine)
        assert again != mine, "what was there before one signed in is not what one is known by after"
        assert await asked(session, "GET", f"{base}/v1/me", mine) == 200
        assert await asked(session, "POST", f"{base}/v1/commands", mine, json=order, headers=THEIRS) == 403
        assert await asked(session, "POST", f"{base}/v1/commands", mine, json=order, headers={}) == 403
        assert await asked(session, "POST", f"{base}/v1/commands", mine, json={**order, "by": "ada"}) == 403
        assert await asked(session, "POST", f"{base}/v1/commands", mine, json=order) == 202
        assert await asked(session, "DELETE", f"{base}/v1/sessions/current", mine) == 204
        assert await asked(session, "GET", f"{base}/v1/me", mine) == 401, "it is over, whoever kept a copy"
        assert await asked(session, "GET", f"{base}/v1/me", again) == 200
        change = {"roles": ["auditor"], "reason": "another desk"}
        assert await changed(session, base, root, change) == 204
        assert await asked(session, "POST", f"{base}/v1/commands", again, json=order) == 403, "from the next request on"
        shut = {"disabled": True, "reason": "left the house"}
        assert await changed(session, base, root, shut) == 204
        assert await asked(session, "GET", f"{base}/v1/me", again) == 401
        assert await asked(session, "GET", f"{base}/v1/me", "gateway-session=nonsense") == 401
