"""The API's door: who is let in to what, for every route and role there is; and what the description says of it."""

import hashlib
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp.test_utils import TestClient, TestServer
from openapi_spec_validator import validate
from prometheus_client import CollectorRegistry

from gateway.config import Config, Key, load
from gateway.domain.clock import SystemClock
from gateway.front.behind import Behind
from gateway.front.door import api
from gateway.rendering.catalog import Catalog
from gateway.web.api.principal import ROLES, ApiKey, ConfiguredKeys, Denied, authenticate
from gateway.web.api.server import Api
from gateway.web.ops import Health
from gateway.web.server import application

SECRET = "s3cret"
DIGEST = hashlib.sha256(SECRET.encode()).hexdigest()
NAMES = {"tenant": "own", "recipient_id": "p", "id": "j", "seq": "1", "name": "n", "reference": "r"}


def configured(*keys: Key) -> Api:
    config = load(None, {})
    assert isinstance(config, Config)
    web = msgspec.structs.replace(config.web, keys=keys)
    words = Catalog.load(config.templates, config.defaults.locale)
    return api(msgspec.structs.replace(config, web=web), words, Behind(), SystemClock())


def key(role: str, name: str | None = None, tenants: tuple[str, ...] = ("*",)) -> Key:
    return Key(id=name or role, sha256=DIGEST, roles=(role,), tenants=tenants)  # type: ignore[arg-type]


def bearer(name: str, secret: str = SECRET) -> dict[str, str]:
    return {"Authorization": f"Bearer {name}.{secret}", "Content-Type": "application/json"}


ROUTES = configured().routes
GUARDED = [route for route in ROUTES if not route.public]


@pytest.fixture
async def client() -> AsyncIterator[Any]:
    made = configured(*map(key, ROLES), key("producer", "small", ("own",)))
    async with TestClient(TestServer(application(Health(), CollectorRegistry(), None, made))) as client:
        yield client


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("route", GUARDED, ids=lambda route: route.name)
async def test_every_role_at_every_route_is_let_in_or_refused(client: Any, role: str, route: Any) -> None:
    answer = await client.request(route.method, route.path.format(**NAMES), headers=bearer(role), data=b"{}")
    if role in route.roles:
        assert answer.status not in (401, 403), "past the door: there is no house behind it here"
    else:
        assert answer.status == 403
        assert (await answer.json())["detail"].startswith("this needs one of the roles")


@pytest.mark.parametrize("route", GUARDED, ids=lambda route: route.name)
@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer"}, {"Authorization": "Basic YTpi"}, bearer("producer", "wrong"), bearer("nobody"),
     {"Authorization": f"Bearer producer{SECRET}"}, {"Authorization": f"Bearer producer.{SECRET} x"}],
)  # fmt: skip
async def test_nobody_comes_in_without_a_key_that_holds(client: Any, route: Any, headers: dict[str, str]) -> None:
    answer = await client.request(route.method, route.path.format(**NAMES), headers=headers)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.content_type == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"


async def test_only_signing_in_is_open_to_everybody(client: Any) -> None:
    assert [route.name for route in ROUTES if route.public] == ["list_sign_in_ways", "sign_in"]
    assert all(route.roles for route in GUARDED)
    assert (await client.post("/v1/sessions", json={})).status == 422


async def test_a_key_sees_no_tenant_but_its_own(client: Any) -> None:
    for tenant in ("other", "OWN", "own ", "*"):
        answer = await client.get(f"/v1/reminders/{tenant}/p/j", headers=bearer("small"))
        assert answer.status == 403, tenant


async def test_an_expired_key_is_none() -> None:
    keys = ConfiguredKeys([ApiKey(id="a", sha256=DIGEST, roles=("ops",), tenants=("*",), expires=1_000)])
    assert not isinstance(await authenticate(f"Bearer a.{SECRET}", True, keys, 999), Denied)
    refused = await authenticate(f"Bearer a.{SECRET}", True, keys, 1_000)
    assert isinstance(refused, Denied)
    assert refused.status == 401


async def test_without_keys_only_the_machine_itself_is_answered() -> None:
    nobody = ConfiguredKeys([])
    assert not isinstance(await authenticate(None, True, nobody, 0), Denied)
    refused = await authenticate(None, False, nobody, 0)
    assert isinstance(refused, Denied)
    assert refused.status == 403


async def test_the_description_is_valid_and_names_every_route(client: Any) -> None:
    answer = await client.get("/openapi.json")
    described = await answer.json()
    validate(described)
    assert {(method.upper(), path) for path, methods in described["paths"].items() for method in methods} == {
        (route.method, route.path) for route in ROUTES
    }


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        (b"{", "application/json", 422),
        (b"[", "application/json", 400),
        (b"", "application/json", 400),
        (b"nothing", "application/json", 400),
        (b"[]", "application/json", 422),
        (b"[" + b"{}," * 1000 + b"{}]", "application/json", 422),
        (b"[" * 100_000, "application/json", 400),
        (b'{"id": ' + b"[" * 100_000, "application/json", 422),
        (b"{}", "text/plain", 415),
        (b"x" * (1024 * 1024 + 1), "application/json", 413),
        (b"\xff\xfe", "application/json", 400),
        (b'{"id":"a","metadata":{"a":NaN}}', "application/json", 422),
    ],
    ids=lambda value: repr(value)[:30],
)
async def test_whatever_a_client_sends_is_its_own_mistake(
    client: Any, data: bytes, content_type: str, status: int
) -> None:
    headers = bearer("producer") | {"Content-Type": content_type}
    answer = await client.post("/v1/reminders", data=io.BytesIO(data), headers=headers)
    assert answer.status == status
    assert answer.content_type == "application/problem+json"


async def test_a_fault_names_document_field_and_fix(client: Any) -> None:
    body = json.dumps([{"id": "a"}, {"id": "b", "chanels": []}])
    answer = await client.post("/v1/reminders", data=body, headers=bearer("producer"))
    told = await answer.json()
    assert answer.status == 422
    assert [(fault["index"], fault["field"]) for fault in told["errors"]] == [(0, "template"), (1, "chanels")]


@pytest.mark.parametrize(
    ("type_", "may"),
    [("stop", "producer ops compliance"), ("pause", "producer ops compliance"), ("resume", "producer"),
     ("consent", "producer compliance")],
)  # fmt: skip
async def test_who_restrains_may_and_who_lifts_must_be_more(client: Any, type_: str, may: str) -> None:
    order = {"type": type_, "id": "o", "at": "2026-11-20T00:00:00Z", "by": "x"}
    order |= {"stop": {"recipient_id": "p", "reason": "cease"}, "resume": {"recipient_id": "p"},
              "consent": {"recipient_id": "p", "state": "night"}}.get(type_, {})  # fmt: skip
    for role in ("producer", "ops", "compliance"):
        answer = await client.post("/v1/commands", json=order, headers=bearer(role))
        assert answer.status == (503 if role in may.split() else 403), role


async def test_an_unknown_parameter_is_a_mistake(client: Any) -> None:
    for query in ("?lane=fast", "?lan=high", "?lane=high&lane=bulk"):
        answer = await client.post(f"/v1/reminders{query}", data=b"{}", headers=bearer("producer"))
        assert answer.status == 422, query


async def test_a_method_that_is_not_known_says_which_are(client: aiohttp.ClientSession) -> None:
    answer = await client.delete("/v1/reminders", headers=bearer("producer"))
    assert answer.status == 405
    assert answer.headers["Allow"] == "POST"


async def test_whatever_can_be_got_has_a_head(client: Any) -> None:
    for route in GUARDED:
        if route.method == "GET":
            path, headers = route.path.format(**NAMES), bearer(min(route.roles))
            whole, head = [await client.request(method, path, headers=headers) for method in ("GET", "HEAD")]
            assert (head.status, head.content_type) == (whole.status, whole.content_type)
            assert await head.read() == b""


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200), ({"Host": "localhost:8080"}, 200), ({"Host": "[::1]:8080"}, 200), ({"Host": "127.9.9.9"}, 200),
        ({"Host": "rebound.example"}, 403), ({"Host": "rebound.example:8080"}, 403), ({"Host": "localhost.evil"}, 403),
        ({"Host": "[::"}, 403), ({"X-Forwarded-For": "127.0.0.1"}, 403), ({"Forwarded": "for=127.0.0.1"}, 403),
    ],
)  # fmt: skip
async def test_whoever_comes_by_way_of_the_machine_is_not_answered(headers: dict[str, str], status: int) -> None:
    """Neither a page whose name was made to lead here, nor whoever stands behind a proxy on this machine."""
    async with TestClient(TestServer(application(Health(), CollectorRegistry(), None, configured()))) as client:
        answer = await client.get("/v1/me", headers=headers)
        assert answer.status == status
