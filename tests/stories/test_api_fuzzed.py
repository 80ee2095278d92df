"""The whole API against requests made from its own description, wrong ones among them: no 5xx, no broken promise."""

import hashlib
from typing import Any

import aiohttp
import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gateway.web.api.principal import ROLES
from tests.stories.test_api import answering, free_port
from tests.stories.world import World

CHECKS = [
    not_a_server_error, content_type_conformance, response_headers_conformance, response_schema_conformance,
    status_code_conformance,
]  # fmt: skip
EXAMPLES = 10


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
async def test_no_request_breaks_a_promise_of_the_description(world: World, mode: Any) -> None:
    """Runs in a thread of its own, so that the server may be any process."""
    port = free_port()
    every = {"id": "all", "sha256": hashlib.sha256(b"s3cret").hexdigest(), "roles": list(ROLES), "tenants": ["*"]}
    world.configure(web={"port": port, "keys": [every]}, ledger={"url": f"sqlite:///{world.folder}/ledger.db"})
    async with world.worker("worker", "web", "ledger"), aiohttp.ClientSession() as session:
        await answering(session, port)
        schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{port}/openapi.json")
        for operation in schema.get_all_operations():
            found = operation.ok()
            strategy = found.as_strategy(generation_mode=mode)

            @hypothesis.settings(
                max_examples=EXAMPLES, deadline=None, database=None, derandomize=True,
                phases=[Phase.generate], suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            @hypothesis.given(case=strategy)
            def ask(case: Any) -> None:
                case.call_and_validate(checks=CHECKS, headers={"Authorization": "Bearer all.s3cret"})

            try:
                ask()
            except hypothesis.errors.Unsatisfiable:  # there is nothing that one could ask wrong
                assert (mode, found.path) == (schemathesis.GenerationMode.NEGATIVE, "/v1/sign-in-ways")
