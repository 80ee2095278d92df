"""Signing in by the house's provider: what comes back is a session where everything holds, else one plain sentence."""

from collections.abc import AsyncIterator, Mapping
from http.cookies import Morsel, SimpleCookie
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import ClientResponse, ClientSession, DummyCookieJar
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry
from yarl import URL

from gateway.bookkeeping.people import IDLE_MS, VOUCHED, add_person
from gateway.books import books_of
from gateway.config import Config, load
from gateway.domain.clock import HOUR, MINUTE
from gateway.front.behind import Behind
from gateway.front.door import doors
from gateway.rendering.catalog import Catalog
from gateway.web.attempt import Attempt, AttemptSeal, Code, begun, challenge, code_of, question
from gateway.web.ops import Health
from gateway.web.server import application
from gateway.web.signin import BACK, NAME, PATH
from tests.stories.test_api import free_port
from tests.stories.world import ShiftedClock
from tests.web.identity import CLIENT, SECRET, IdentityProvider, identities

SESSION = "gateway-session"
SEALS = ["of the house, and of nobody else"]


def configured(folder: Path, provider: str, port: int, **more: Any) -> Config:
    client = {"client_id": CLIENT, "client_secret": SECRET, "scopes": ["openid", "groups"], "session": "2h"} | more
    roles = {"officers": "compliance", "chiefs": "admin"}
    oidc = {"issuer": provider, "audience": "gateway", "roles": roles, "sign_in": client}
    web = {"public_url": f"http://127.0.0.1:{port}", "oidc": oidc, "secrets": SEALS}
    file = folder / "gateway.yaml"
    file.write_text(msgspec.json.encode({"web": web}).decode())
    found = load(file, {})
    assert isinstance(found, Config), found
    return found


class House:
    """The pages and the API of a house with a ledger, and a browser of one person before it."""

    def __init__(self, provider: IdentityProvider, base: str, clock: ShiftedClock, books: Any) -> None:
        self.provider, self.base, self.clock, self.books = provider, base, clock, books
        self.http = ClientSession(cookie_jar=DummyCookieJar())

    async def get(self, url: str, cookies: Mapping[str, str] = {}) -> ClientResponse:
        carried = "; ".join(f"{name}={value}" for name, value in cookies.items())
        found = await self.http.get(
            URL(url if url.startswith("http") else self.base + url, encoded=True), allow_redirects=False,
            headers={"Cookie": carried} if carried else {},
        )  # fmt: skip
        await found.read()
        return found

    async def began(self) -> tuple[dict[str, str], str]:
        """What the browser keeps, and the address that the provider sends it back to."""
        off = await self.get(PATH)
        assert off.status == 303
        kept = cookies(off)[NAME]
        back = await self.get(off.headers["Location"])
        return {NAME: kept.value}, back.headers["Location"]

    async def signed_in(self, before: Mapping[str, str] = {}) -> str:
        kept, back = await self.began()
        answer = await self.get(back, {**before, **kept})
        assert (answer.status, answer.headers["Location"]) == (303, "/")
        return str(cookies(answer)[SESSION].value)

    async def who(self, session: str) -> tuple[int, Any]:
        answer = await self.get("/v1/me", {SESSION: session})
        return answer.status, await answer.json()

    async def refused(self, back: str, kept: Mapping[str, str], status: int, sentence: str) -> None:
        answer = await self.get(back, kept)
        text = await answer.text()
        assert (answer.status, answer.content_type) == (status, "text/html"), text
        assert sentence in text
        assert "Traceback" not in text
        assert SESSION not in cookies(answer)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["Cache-Control"] == "no-store"


def cookies(answer: ClientResponse) -> dict[str, Morsel[str]]:
    found: SimpleCookie = SimpleCookie()
    for line in answer.headers.getall("Set-Cookie", []):
        found.load(line)
    return dict(found)


@pytest.fixture
async def provider() -> AsyncIterator[IdentityProvider]:
    async with identities() as made:
        yield made


async def opened(folder: Path, provider: IdentityProvider, **more: Any) -> AsyncIterator[House]:
    port, clock, behind = free_port(), ShiftedClock(), Behind()
    config = configured(folder, provider.url, port, **more)
    words = Catalog.load(config.templates, config.defaults.locale)
    app = application(Health(), CollectorRegistry(), None, *doors(config, words, behind, clock))
    async with books_of(config) as books, TestServer(app, port=port):
        assert books is not None
        await books.open()
        behind.books = books
        made = House(provider, f"http://127.0.0.1:{port}", clock, books)
        async with made.http:
            yield made


@pytest.fixture
async def house(tmp_path: Path, provider: IdentityProvider) -> AsyncIterator[House]:
    async for made in opened(tmp_path, provider):
        yield made


async def test_whoever_the_provider_vouches_for_is_signed_in_with_the_roles_of_the_map(house: House) -> None:
    off = await house.get(PATH)
    kept = cookies(off)[NAME]
    assert (kept["httponly"], kept["samesite"], kept["path"], kept["max-age"]) == (True, "Lax", PATH, "600")
    back = (await house.get(off.headers["Location"])).headers["Location"]
    answer = await house.get(back, {NAME: kept.value})
    given = cookies(answer)
    assert (given[SESSION]["httponly"], given[SESSION]["samesite"], given[SESSION]["path"]) == (True, "Strict", "/")
    assert (given[NAME].value, given[NAME]["max-age"], given[NAME]["path"]) == ("", "0", PATH)
    status, me = await house.who(given[SESSION].value)
    assert (status, me["id"], me["kind"], me["roles"]) == (200, "oidc:ada", "person", ["compliance"])
    assert (await (await house.get("/v1/sign-in-ways")).json()) == {"organisation": True, "known": False}


@pytest.mark.parametrize(("method", "secret"), [("client_secret_post", SECRET), ("none", None)])
async def test_a_client_proves_itself_as_its_provider_wants(
    tmp_path: Path, provider: IdentityProvider, method: str, secret: str | None
) -> None:
    provider.methods = [method]
    async for house in opened(tmp_path, provider, client_secret=secret):
        assert (await house.who(await house.signed_in()))[0] == 200


async def test_nobody_is_signed_in_by_what_was_there_before(house: House) -> None:
    """Session fixation: neither a planted cookie nor one's own earlier session is what one is known by after."""
    planted = "session-0123456789abcdef.planted"
    first = await house.signed_in({SESSION: planted})
    second = await house.signed_in({SESSION: first})
    assert len({planted, first, second}) == 3
    assert (await house.who(planted))[0] == 401


async def test_a_session_ends_when_it_should(house: House) -> None:
    session = await house.signed_in()
    for _ in range(12):  # somebody who works all the time
        assert (await house.who(session))[0] == 200
        house.clock.shift += 10 * MINUTE
    assert (await house.who(session))[0] == 401, "two hours are configured"
    idle = await house.signed_in()
    house.clock.shift += IDLE_MS
    assert (await house.who(idle))[0] == 401
    ended = await house.signed_in()
    headers = {"Cookie": f"{SESSION}={ended}", "Sec-Fetch-Site": "same-origin"}
    async with house.http.delete(f"{house.base}/v1/sessions/current", headers=headers) as answer:
        assert answer.status == 204
    assert (await house.who(ended))[0] == 401


async def test_a_session_is_listed_written_down_and_ended_by_an_administrator(house: House) -> None:
    mine = await house.signed_in()
    house.provider.claims = {"sub": "root", "groups": ["chiefs"]}
    root = await house.signed_in()
    rows = (await (await house.get("/v1/keys", {SESSION: root})).json())["keys"]
    [line] = [row for row in rows if row["person"] == "oidc:ada"]
    assert (line["roles"], line["tenants"], line["id"]) == (["compliance"], ["*"], mine.partition(".")[0])
    acts = (await (await house.get("/v1/acts", {SESSION: root})).json())["acts"]
    assert {(act["who"], act["what"]) for act in acts} == {("oidc:ada", "sign_in"), ("oidc:root", "sign_in")}
    headers = {"Cookie": f"{SESSION}={root}", "Sec-Fetch-Site": "same-origin"}
    async with house.http.delete(f"{house.base}/v1/keys/{line['id']}", headers=headers) as answer:
        assert answer.status == 204
    assert ((await house.who(mine))[0], (await house.who(root))[0]) == (401, 200)


async def test_a_role_that_was_taken_away_is_gone_with_the_next_sign_in(house: House) -> None:
    before = await house.signed_in()
    house.provider.claims = {"groups": ["staff"]}
    assert (await house.who(before))[1]["roles"] == ["compliance"], "until its session ends, or somebody ends it"
    kept, back = await house.began()
    await house.refused(back, kept, 403, "You have no role here")


async def test_an_answer_that_belongs_to_no_sign_in_of_this_browser_is_strange(house: House) -> None:
    kept, back = await house.began()
    _, theirs = await house.began()
    place = URL(back)
    for other in (
        theirs, str(place.update_query(state="x")), str(place.without_query_params("state")), f"{back}&state=x",
        str(place.without_query_params("code")), str(place.update_query(iss="https://evil.example")),
        str(place.update_query(state="\ud800".encode("utf-8", "replace").decode())),
    ):  # fmt: skip
        await house.refused(other, kept, 400, "does not belong to a sign-in")
    answer = await house.get(theirs, kept)
    assert NAME not in cookies(answer), "another page cannot end the one that is under way"
    assert not house.provider.used, "and no code is spent on it"
    assert (await house.get(back, kept)).status == 303


async def test_without_what_the_browser_kept_or_too_late_nobody_is_signed_in(house: House) -> None:
    kept, back = await house.began()
    sealed = kept[NAME]
    forged = AttemptSeal(["another secret that seals"]).close(begun(house.clock.now()))
    for other in ({}, {NAME: "AAAA"}, {NAME: sealed[:-6] + "AAAAAA"}, {NAME: "é"}, {NAME: forged}):
        await house.refused(back, other, 400, "This sign-in has ended")
    house.clock.shift += 10 * MINUTE
    await house.refused(back, kept, 400, "This sign-in has ended")


async def test_a_code_and_its_state_are_good_once(house: House) -> None:
    kept, back = await house.began()
    answer = await house.get(back, kept)
    assert answer.status == 303
    await house.refused(back, {}, 400, "This sign-in has ended")
    await house.refused(back, kept, 403, "does not hold")  # whoever kept a copy of the cookie
    other, fresh = await house.began()
    mixed = URL(fresh).update_query(code=URL(back).query["code"])
    await house.refused(str(mixed), other, 403, "does not hold")


async def test_a_code_is_of_no_use_to_whoever_did_not_begin(house: House) -> None:
    """PKCE: a code that was caught on the way needs the verifier, which only the browser that began keeps."""
    _, caught = await house.began()
    kept, own = await house.began()
    mixed = URL(own).update_query(code=URL(caught).query["code"])
    await house.refused(str(mixed), kept, 403, "does not hold")
    assert URL(caught).query["code"] in house.provider.used, "it came to the provider, which refused the verifier"


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"}, {"nonce": None}, {"aud": "gateway"}, {"aud": [CLIENT, "other"]}, {"azp": "other"},
        {"aud": ["other"]}, {"iss": "https://evil.example"}, {"exp": 1}, {"exp": None}, {"iat": None}, {"sub": None},
        {"sub": ""}, {"sub": "a\0b"}, {"sub": "a" * 256}, {"nonce": 3},
    ],
)  # fmt: skip
async def test_a_token_that_does_not_hold_signs_nobody_in(house: House, claims: dict[str, Any]) -> None:
    kept, back = await house.began()
    house.provider.claims = claims
    await house.refused(back, kept, 403, "does not hold")


async def test_several_audiences_are_fine_where_we_are_the_party(house: House) -> None:
    house.provider.claims = {"aud": [CLIENT, "other"], "azp": CLIENT}
    assert (await house.who(await house.signed_in()))[0] == 200


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        ("access_denied", 403, "did not let you sign in"), ("<script>", 403, "did not let you sign in"),
        ("temporarily_unavailable", 503, "not possible at the moment"),
    ],
)  # fmt: skip
async def test_whom_the_provider_does_not_let_in_is_told_so(
    house: House, error: str, status: int, sentence: str
) -> None:  # fmt: skip
    house.provider.denies = error
    kept, back = await house.began()
    await house.refused(back, kept, status, sentence)


async def test_a_provider_that_is_away_is_one_sentence(house: House) -> None:
    kept, back = await house.began()
    house.provider.broken = True
    await house.refused(back, kept, 503, "not possible at the moment")
    house.provider.broken = False
    kept, back = await house.began()
    await house.provider.server.close()
    await house.refused(back, kept, 503, "not possible at the moment")


async def test_before_the_provider_was_ever_heard_or_as_another_nobody_is_sent_there(house: House) -> None:
    house.provider.issuer = "https://evil.example"
    await house.refused(PATH, {}, 503, "not possible at the moment")
    await house.provider.server.close()
    await house.refused(PATH, {}, 503, "not possible at the moment")


async def test_who_only_asks_for_the_head_begins_and_ends_nothing(house: House) -> None:
    for path in (PATH, BACK):
        async with house.http.head(house.base + path) as answer:
            assert answer.status == 405


async def test_where_people_sign_in_nobody_is_let_in_for_being_on_the_machine(house: House) -> None:
    assert (await house.get("/v1/me")).status == 401


async def test_no_account_is_named_as_those_whom_the_provider_vouches_for(house: House) -> None:
    why = await add_person(house.books, f"{VOUCHED}ada", "a long enough password", ["admin"], ["*"], 0)
    assert why is not None
    assert VOUCHED in why


async def test_without_a_sign_in_there_is_no_button_and_no_page() -> None:
    config = load(None, {})
    assert isinstance(config, Config)
    words = Catalog.load(config.templates, config.defaults.locale)
    api, pages = doors(config, words, Behind(), ShiftedClock())
    assert pages is None
    async with (
        TestServer(application(Health(), CollectorRegistry(), None, api, pages)) as server,
        ClientSession() as me,
    ):
        async with me.get(server.make_url("/v1/sign-in-ways")) as answer:
            assert await answer.json() == {"organisation": False, "known": True}
        async with me.get(server.make_url(PATH)) as answer:
            assert answer.status == 404


def test_the_challenge_is_that_of_the_standard() -> None:
    """RFC 7636, appendix B."""
    assert challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_what_is_sealed_is_opened_by_any_live_secret_and_read_by_nobody() -> None:
    attempt = begun(7)
    sealed = AttemptSeal(["the old secret of it"]).close(attempt)
    assert AttemptSeal(["the new secret of it", "the old secret of it"]).open(sealed) == attempt
    assert AttemptSeal(["the new secret of it"]).open(sealed) is None
    assert attempt.verifier not in sealed
    assert AttemptSeal([]).open(sealed) is None


def test_a_sign_in_begins_with_its_own_lots_and_ends_after_ten_minutes() -> None:
    one, other = begun(0), begun(0)
    assert len({one.state, one.nonce, one.verifier, other.state, other.nonce, other.verifier}) == 6
    asked = URL(question("https://id.example/a?b=c", "me", ["openid", "groups"], "https://x/back", one)).query
    assert (asked["b"], asked["scope"], asked["code_challenge"]) == ("c", "openid groups", challenge(one.verifier))
    assert one.verifier not in asked.values()
    good = {"state": one.state, "code": "c"}
    assert code_of(good, one, "https://id.example", 10 * MINUTE - 1) == Code("c")
    assert code_of(good, one, "https://id.example", 10 * MINUTE) == "late"
    assert code_of(good, Attempt("", "", "", HOUR), "https://id.example", 0) == "strange"
