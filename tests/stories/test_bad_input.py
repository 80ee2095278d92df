"""Bad input costs nothing but itself: it is kept with a sentence that names the field, and whoever sent it is told."""

import json
from typing import Any

from tests.stories.world import PARAMS, World, reminder

DEEP = "[" * 33 + "]" * 33


def job(text: str | None = None, **given: Any) -> bytes:
    """A job as bytes; `text` replaces the word HERE, so that what no encoder would write can stand in it."""
    raw = json.dumps(reminder("bad", "li", **given))
    return (raw if text is None else raw.replace('"HERE"', text)).encode("utf-8", "surrogatepass")


def without(key: str) -> bytes:
    document = reminder("bad")
    del document[key]
    return json.dumps(document).encode()


CASES: dict[str, tuple[bytes, str, bool]] = {
    # what it is: the document, the field that the sentence names, whether a receipt can be given
    "not JSON": (b"hello", "not JSON", False),
    "half a document": (job()[:200], "not JSON", False),
    "not an object": (b'["bad"]', "object", False),
    "no id": (without("id"), "id", False),
    "an id with a space": (job().replace(b'"bad"', b'"b ad"'), "id", False),
    "an id of 129 characters": (job().replace(b'"bad"', b'"' + b"x" * 129 + b'"'), "id", False),
    "a wrong type": (job(channels="sms"), "channels", True),
    "a wrong word": (job(strategy="both"), "strategy", True),
    "no channel": (job(channels=[]), "channels", True),
    "a channel twice": (job(channels=["sms", "sms"]), "channels", True),
    "no template": (
        json.dumps({k: v for k, v in reminder("bad").items() if k != "template"}).encode(),
        "template",
        True,
    ),
    "no recipient": (
        json.dumps({k: v for k, v in reminder("bad").items() if k != "recipient"}).encode(),
        "recipient",
        True,
    ),
    "an unknown field": (job(expires="2026-11-25T00:00:00Z"), "expires", True),
    "an unknown field of the recipient": (job(recipient={"mail": "a@b.c"}), "recipient.mail", True),
    "a number that is no phone": (job(recipient={"phone": "0170"}), "recipient.phone", True),
    "a zone that is not": (job(recipient={"time_zone": "Europe/Entenhausen"}), "recipient.time_zone", True),
    "a zone that is no place's clock": (job(recipient={"time_zone": "Factory"}), "recipient.time_zone", True),
    "a flag that only a contact may have": (job(flags=["inbound"]), "flags", True),
    "a time without an offset": (job(not_before="2026-11-25T00:00:00"), "not_before", True),
    "metadata of 5 KiB": (job(metadata={"x": "y" * 5000}), "metadata", True),
    "NaN": (job("NaN", params=PARAMS | {"days_overdue": "HERE"}), "params.days_overdue", True),
    "Infinity": (job("-Infinity", params=PARAMS | {"days_overdue": "HERE"}), "params.days_overdue", True),
    "1e999": (job("1e999", params=PARAMS | {"days_overdue": "HERE"}), "params.days_overdue", True),
    "an integer of 400 digits": (job("9" * 400, metadata={"n": "HERE"}), "metadata.n", True),
    "nested 34 deep": (job(DEEP, params={"x": "HERE"}), "params.x", True),
    "nested a million deep": (b"[" * 30_000 + b"]" * 30_000, "", False),
    "U+0000": (job('"a\\u0000b"', params=PARAMS | {"name": "HERE"}), "params.name", True),
    "U+0000 in a name": (job('{"a\\u0000b": 1}', metadata={"x": "HERE"}), "metadata.x", True),
    "an unpaired surrogate": (job('"\\ud83d"', params=PARAMS | {"name": "HERE"}), "params.name", True),
    "not UTF-8": (job().replace(b"Alex", b"Al\xe9x"), "UTF-8", False),
    "more than 64 KiB": (job(params=PARAMS | {"name": "x" * 70_000}), "bytes", True),
}


async def test_each_goes_to_the_dead_letters_with_its_field_and_a_receipt_where_one_can_be_given(world: World) -> None:
    good = [reminder(f"good-{name.replace(' ', '-')}") for name in CASES]
    async with world.inside():
        for number, (raw, _, _) in enumerate(CASES.values()):
            await world.put(good[number])
            own = raw.replace(b'"bad"', b'"bad-%d"' % number)
            await world.redis.xadd(world.keys.lanes["normal"], {"job": own})
        await world.receipts.ended(*[job["id"] for job in good])
        await world.emptied()
        await world.receipts.settle()
    assert all(world.receipts.statuses(job["id"]) == ["sent", "delivered"] for job in good)
    letters = await world.dead()
    assert len(letters) == len(CASES)
    answers = 0
    for number, (letter, (name, (_, field, answered))) in enumerate(zip(letters, CASES.items(), strict=True)):
        assert field in letter["error"], (name, letter["error"])
        assert "\n" not in letter["error"], name
        assert set(json.loads(letter["entry"])) == {"job"}, name
        told = world.receipts.job(f"bad-{number}")
        assert len(told) == answered, name
        answers += len(told)
        for receipt in told:
            assert (receipt["status"], receipt["final"], receipt["reason"]["code"]) == ("rejected", True, "bad_input")
            assert field in receipt["reason"]["message"], name
    assert len(world.receipts.all) == 2 * len(good) + answers, "somebody was answered who could not be read"


async def test_the_dead_letter_holds_what_was_sent_to_the_byte_or_says_what_it_lacks(world: World) -> None:
    async with world.inside():
        lane = world.keys.lanes["bulk"]
        await world.redis.xadd(lane, {"job": b"\xff\xfe", "other": "text"})
        await world.redis.xadd(lane, {"job": "ü" * 40_000})
        await world.redis.xadd(lane, {"jbo": job()})
        await world.emptied()
    cut, long, misspelt = [json.loads(letter["entry"]) for letter in await world.dead()]
    assert cut == {"job": {"base64": "//4="}, "other": "text"}
    assert long == {"job": {"text": "ü" * 32_768, "truncated": True}}
    assert json.loads(misspelt["jbo"])["id"] == "bad"
    assert "job" in (await world.dead())[2]["error"]


UNFIT: list[tuple[dict[str, Any], str]] = [
    ({"template": "no_such_template"}, "no_such_template"),
    ({"params": {"name": "A"}}, "creditor"),
    ({"recipient": {"phone": None}}, "address"),
    ({"channels": ["email", "push"]}, "address"),
    ({"recipient": {"jurisdiction": "UK"}}, "the code is GB"),
    ({"recipient": {"jurisdiction": "US-XX"}, "not_before": "2099-01-01T00:00:00Z"}, "no subdivision of US"),
    ({"params": PARAMS | {"amount_due": {"value": "many", "currency": "USD"}}}, "amount_due"),
]


async def test_what_is_well_formed_and_cannot_be_sent_is_answered_rejected_and_nothing_else(world: World) -> None:
    async with world.inside():
        await world.put(*[reminder(f"u{number}", **given) for number, (given, _) in enumerate(UNFIT)])
        await world.receipts.ended(*[f"u{number}" for number in range(len(UNFIT))])
        await world.emptied()
    for number, (_, says) in enumerate(UNFIT):
        (receipt,) = world.receipts.job(f"u{number}")
        assert receipt["status"] == "rejected"
        assert says in receipt["reason"]["message"]
    assert await world.dead() == []


async def test_bad_commands_and_contacts_are_dead_letters_too_and_the_good_among_them_take_effect(world: World) -> None:
    async with world.inside():
        await world.redis.xadd(world.keys.commands, {"command": '{"type": "explode"}'})
        await world.command("stop", reason="cease")
        await world.command("stop", recipient_id="li", reason="cease", untill="2026-11-25T00:00:00Z")
        await world.command("stop", recipient_id="li", reason="cease")
        await world.contact("li", at="yesterday")
        await world.contact("li", event=5)
        await world.redis.xadd(world.keys.contacts, {"command": "{}"})
        await world.redis.xadd(world.keys.callbacks, {"report": '{"type": "receipt"}'})
        await world.emptied()
        await world.put(reminder("a", "li"))
        await world.receipts.ended("a")
    assert world.receipts.statuses("a") == ["suppressed"]
    errors = [letter["error"] for letter in await world.dead()]
    assert len(errors) == 7
    for word in ("type", "recipient_id", "untill", "at", "event", "contact", "provider"):
        assert any(word in error for error in errors), word


async def test_a_thousand_bad_entries_stop_nobody(world: World) -> None:
    good = [reminder(f"g{number}") for number in range(50)]
    async with world.inside():
        pipeline = world.redis.pipeline(transaction=False)
        for number in range(1000):
            pipeline.xadd(world.keys.lanes["high"], {"job": list(CASES.values())[number % len(CASES)][0][:60_000]})
        await pipeline.execute()
        await world.put(*good, lane="bulk")
        await world.emptied(20)
    assert await world.redis.xlen(world.keys.dead) == 1000
    told = [json.loads(fields[b"receipt"]) for _, fields in await world.redis.xrange(world.keys.receipts)]
    assert {r["job_id"] for r in told if r["status"] in ("sent", "delivered")} == {job["id"] for job in good}
