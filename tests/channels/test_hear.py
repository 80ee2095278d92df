"""Whatever is posted to a provider's webhook is a callback that is believed, or one that is not: never an accident."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels import catalogue
from channels.bounces import verp
from channels.contract import Callback, Heard, Listener, Surroundings
from channels.email.verp import Verp
from tests.channels.contract import NOW, House
from tests.channels.test_described import DESCRIPTION, sign

WORD = "a-long-secret-word"
TEMPLATE = {"code": "1", "sign": "s", "text": "{1}"}
ENTRIES: dict[str, tuple[str, dict[str, Any]]] = {
    "twilio": ("sms", {"account_sid": "AC1", "auth_token": "secret", "from": "+1"}),
    "alibaba": ("sms", {"access_key_id": "a", "access_key_secret": "b", "templates": [TEMPLATE],
                        "callback_secret": WORD}),
    "tencent": ("sms", {"secret_id": "a", "secret_key": "b", "app_id": "1", "templates": [TEMPLATE],
                        "callback_secret": WORD}),
    "ses": ("email", {"region": "eu-central-1", "access_key_id": "a", "secret_access_key": "b", "from": "a@b.example",
                      "topic_arn": "arn:x"}),
    "smtp": ("email", {"host": "127.0.0.1", "from": "a@b.example", "bounces": "b@b.example"}),
    "http": ("sms", DESCRIPTION | {"url": "https://x.example/send"}),
}  # fmt: skip
WORDS = (
    "phone_number", "content", "success", "mobile", "nationcode", "text", "sid", "report_status", "send_time", "ref",
    "state", "error", "Type", "Message", "Signature", "TopicArn", "user_receive_time", "time", "out_id", "biz_id",
)  # fmt: skip
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=12)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(WORDS), inner, max_size=5)),
    max_leaves=12,
)
bodies = st.one_of(
    st.binary(max_size=200),
    values.map(lambda value: json.dumps(value).encode()),
    st.lists(st.dictionaries(st.sampled_from(WORDS), values, max_size=8), max_size=3).map(
        lambda v: json.dumps(v).encode()
    ),
)


def listener(kind: str) -> Listener:
    channel, entry = ENTRIES[kind]
    house = House()
    lent = house.lend()
    if kind == "smtp":
        lent = Surroundings(
            public_url=lent.public_url, hand_over=lent.hand_over, report=lent.report, now=lent.now,
            bounces=verp(["a secret of sixteen"]),
        )  # fmt: skip
    provider = catalogue.build(channel, entry | {"name": "p", "kind": kind}, lent)  # type: ignore[arg-type]
    assert isinstance(provider, Listener)
    return provider


def test_every_provider_that_hears_is_asked_here() -> None:
    hearing = {kind for kind in catalogue.KINDS if hasattr(catalogue.kind_of(kind).provider, "hear")}
    assert hearing == set(ENTRIES)


@pytest.mark.parametrize("kind", sorted(ENTRIES))
@settings(max_examples=60, deadline=None)
@given(body=bodies, query=st.text("abc=&%+@-<>é", max_size=20), given=st.text(max_size=40))
def test_nothing_that_is_posted_is_an_accident(kind: str, body: bytes, query: str, given: str) -> None:
    token = Verp(["a secret of sixteen"]).token("0" * 32)
    headers = {"x-twilio-signature": given, "x-signature": sign(body), "content-type": given}
    for url in (f"https://x/webhooks/p?{query}", f"https://x/webhooks/p?recipient=b%2B{token}@b.example"):
        callback = Callback(url=url, reference=WORD, headers=headers, body=body, at=NOW)
        heard = asyncio.run(listener(kind).hear(callback))  # type: ignore[arg-type]
        assert heard is None or isinstance(heard, Heard)
        for report in heard.reports if heard else ():
            assert report.provider == "p"
