"""What became of a job and why, on a real store: for every decision, in both languages."""

import asyncio
import json

from gateway.domain.clock import DAY, MINUTE, format_instant, parse_instant
from tests.stories.explained import (
    CAP,
    CONSENT,
    CONTENT,
    HOURS,
    OTHERS,
    STOP,
    channel,
    explained,
    gateway,
    packs,
    rule,
)
from tests.stories.world import ShiftedClock, World, next_day_at, reminder


async def test_a_job_that_was_sent_is_told_with_its_receipts_and_every_rule_that_let_it_through(world: World) -> None:
    packs(world, DE=HOURS.format(id="de.hours", hours="08:00-21:00") + OTHERS + STOP, house=CAP)
    async with world.inside(ShiftedClock.at(next_day_at(11, 0, 0))):
        await world.put(reminder("a", flags=["response"]))
        await world.receipts.ended("a")
    english, chinese, story = await explained(world, "a")
    assert [receipt["status"] for receipt in story["receipts"]] == ["sent", "delivered"]
    found = channel(story)
    assert (found["decision"], found["agrees"], found["blocked_by"]) == ("allow", True, [])
    assert [told["rule"] for told in found["rules"]] == ["de.hours", "xx.cease", "house.cap"]
    assert {told["verdict"] for told in found["rules"]} == {"passes"}
    assert {other["rule"]: other["why"] for other in found["unconcerned"]} == {
        "xx.email": "other_channel", "xx.legal": "other_purpose", "xx.agency": "other_role", "xx.waived": "waived",
        "xx.later": "not_yet", "xx.rich": "other_account",
    }  # fmt: skip
    receipt = world.receipts.last("a")
    assert f"sms: delivered {receipt['at']}" in english
    assert receipt["provider_message_id"] in english
    assert "DE@v1  de.hours (statute, verified) lets it through: 12:00:0" in english
    assert "0 of 2 contacts in 24 h (rolling) are used" in english, "the contact that it became is not held against it"
    assert "zone data 2026" in english
    assert "jurisdictions DE (inferred from the phone number)" in english
    assert "xx.waived is waived by the flag response" in english
    assert "短信：已送达" in chinese
    assert "xx.waived 因标记 response 而豁免" in chinese
    assert "任意连续 24 小时内的联系次数上限为 2 次，已用 0 次" in chinese
    for text in (english, chinese):
        assert "+4917" not in text
        assert "Alex" not in text


async def test_a_job_that_waits_for_morning_is_told_with_the_hours_in_the_persons_time(world: World) -> None:
    packs(world, DE=HOURS.format(id="de.hours", hours="08:00-21:00"))
    async with world.inside(ShiftedClock.at(next_day_at(20, 14, 5))):
        await world.put(reminder("a"))
        await world.receipts.until(lambda: world.receipts.statuses("a") == ["deferred"])
    english, chinese, story = await explained(world, "a")
    found = channel(story)
    until = found["until"].replace(".000Z", "Z")
    assert (found["decision"], found["agrees"], found["blocked_by"]) == ("defer", True, ["de.hours"])
    wall = f"{until[:10]} 08:00:00 Europe/Berlin"
    assert f"sms: waits until {until} ({wall}): quiet_hours, because of de.hours" in english
    assert (
        f"in Europe/Berlin on {found['rules'][0]['figures']['local'][0]['date']} lies outside 08:00-21:00;" in english
    )
    assert f"opens {until} ({wall}). Source: 12 CFR 1006.6(b)(1)(i)" in english
    assert "DE@v1  de.hours (statute, verified) blocks: 21:14:0" in english
    assert f"短信：暂缓至 {until}（Europe/Berlin 当地 {until[:10]} 08:00:00）：免打扰时段，依据规则 de.hours" in chinese
    assert "不在允许时段 08:00-21:00 之内" in chinese
    assert f"it is tried next at {until}" in english
    now = story["tracks"][0]["now"]
    assert now["policy"] == "DE@v1"
    assert [one["channel"] for one in now["channels"]] == ["sms"]


async def test_a_job_over_a_cap_is_told_with_the_contacts_that_used_the_slots_and_when_one_frees(world: World) -> None:
    packs(world, house=CAP)
    clock = ShiftedClock.at(next_day_at(11, 0, 0))
    called = format_instant(clock.now() // MINUTE * MINUTE - 5 * MINUTE + 7)
    async with world.inside(clock):
        await world.contact("p", at=called, account="d-1")
        await world.emptied()
        await world.put(reminder("a", "p", strategy="all", channels=["sms", "email"],
                                 recipient={"email": "li@example.com"}))  # fmt: skip
        await world.receipts.until(lambda: "deferred" in world.receipts.statuses("a"))
        await world.receipts.until(lambda: "delivered" in world.receipts.statuses("a"))
    english, chinese, story = await explained(world, "a")
    (sent,), (held,) = (track["look"]["channels"] for track in story["tracks"])
    assert (sent["agrees"], held["agrees"]) == (True, True)
    figures = rule(held, "house.cap")["figures"]
    at = story["tracks"][0]["attempt"]["at"]
    assert figures["contacts"] == [
        {"at": called, "channel": "call", "event": "answered", "account": "d-1"},
        {"at": at, "channel": "sms", "event": "sent", "account": None},
    ]
    assert figures["frees"] == format_instant(parse_instant(called) + DAY)
    assert f"2 of 2 contacts in 24 h (rolling) are used: call answered {called}" in english
    assert f"the next one is free {figures['frees']}" in english
    assert f"已用 2 次：电话已接听 {called}" in chinese
    assert "sms: delivered" in english
    assert "email: waits until" in english


async def test_a_stop_is_told_with_the_rule_that_gives_its_source_and_without_one(world: World) -> None:
    packs(world, DE=STOP + HOURS.format(id="de.hours", hours="00:00-24:00"))
    async with world.inside():
        await world.command("stop", recipient_id="p-ruled", reason="cease")
        await world.command("stop", recipient_id="p-bare", reason="opted_out", channel="sms")
        await world.emptied()
        await world.put(reminder("ruled"), reminder("bare"))
        await world.receipts.ended("ruled", "bare")
    english, chinese, story = await explained(world, "ruled")
    found = channel(story)
    assert (found["decision"], found["blocked_by"], found["agrees"]) == ("deny", ["xx.cease"], True)
    assert "xx.cease (statute, verified) blocks: the person's state is cease, for ever unless it is lifted." in english
    assert "15 USC 1692c(c)" in english
    assert "sms: suppressed" in english
    assert "当事人处于“要求停止联系”状态" in chinese
    english, chinese, story = await explained(world, "bare")
    found = channel(story)
    assert (found["decision"], found["blocked_by"], found["agrees"]) == ("deny", ["stop:opted_out"], True)
    assert "stop:opted_out: the person's own word forbids it (opted out)" in english
    assert "stop:opted_out：当事人已明确要求停止（已退订），无需规则即生效" in chinese
    assert rule(found, "xx.cease")["verdict"] == "passes"


async def test_a_stop_lifted_since_does_not_change_what_is_told_of_the_decision(world: World) -> None:
    packs(world, DE=STOP)
    async with world.inside():
        await world.command("stop", recipient_id="p-a", reason="cease")
        await world.emptied()
        await world.put(reminder("a"))
        await world.receipts.ended("a")
        await world.command("resume", recipient_id="p-a", reason="cease")
        await world.emptied()
    english, chinese, story = await explained(world, "a")
    found = channel(story)
    assert (found["decision"], found["blocked_by"]) == ("deny", ["xx.cease"])
    assert (found["agrees"], found["rebuilt"]["decision"]) == (False, "allow")
    assert "What is rebuilt says otherwise (allowed)" in english
    assert "以当时记录的结论和规则为准" in chinese


async def test_a_stop_told_later_is_no_reason_for_what_was_decided_before(world: World) -> None:
    packs(world, DE=STOP)
    async with world.inside():
        await world.put(reminder("a"))
        await world.receipts.ended("a")
        await asyncio.sleep(1.2)  # more than the clocks of worker and store may differ
        await world.command("stop", recipient_id="p-a", reason="cease")
        await world.emptied()
    _, _, story = await explained(world, "a")
    found = channel(story)
    assert (found["decision"], found["agrees"], rule(found, "xx.cease")["verdict"]) == ("allow", True, "passes")


async def test_a_consent_that_is_missing_is_told_and_so_is_that_its_source_is_not_sure(world: World) -> None:
    packs(world, DE=CONSENT)
    async with world.inside():
        await world.put(reminder("a"))
        await world.receipts.ended("a")
    english, chinese, story = await explained(world, "a")
    assert channel(story)["decision"] == "deny"
    assert "xx.consent (statute, unverified) blocks: sms_consent is missing. Source: a consent act" in english
    assert "xx.consent（法律法规，未核实）拦截：缺少“sms_consent”。依据：a consent act" in chinese
    assert "sms: suppressed" in english
    assert "短信：规则拦截" in chinese


async def test_two_zones_inferred_from_a_number_are_both_told(world: World) -> None:
    packs(world, US=HOURS.format(id="us.hours", hours="08:00-21:00"))
    clock = ShiftedClock.at(next_day_at(14, 30, 0))
    async with world.inside(clock):
        who = {"id": "p-a", "phone": "+17013265412", "locale": "en"}  # the number's area lies in two zones
        await world.put(reminder("a") | {"recipient": who})
        await world.receipts.until(lambda: bool(world.receipts.statuses("a")))
    english, chinese, story = await explained(world, "a")
    look = story["tracks"][0]["look"]
    assert look["inferred"] == {"time_zone": "phone", "jurisdiction": "phone"}
    assert set(look["zones"]) == {"America/Denver", "America/North_Dakota/Center"}, look
    assert "(inferred from the phone number); jurisdictions US (inferred from the phone number)" in english
    assert "07:30:0" in english
    assert "in America/Denver on" in english
    assert "（根据电话号码推断）；法域 US（根据电话号码推断）" in chinese
    assert channel(story)["agrees"] is True


async def test_a_pack_that_was_changed_afterwards_explains_with_the_old_text(world: World) -> None:
    folder = packs(world, DE=HOURS.format(id="de.hours", hours="08:00-21:00"))
    async with world.inside(ShiftedClock.at(next_day_at(11, 0, 0))) as plant:
        await world.put(reminder("a"))
        await world.receipts.ended("a")
        before = plant.policies._adopted.published
        packs(world, "v2", DE=HOURS.format(id="de.hours", hours="13:00-14:00"))
        async with asyncio.timeout(5):
            while plant.policies._adopted.published == before:  # noqa: ASYNC110 - the folder is watched
                await asyncio.sleep(0.05)
    assert "13:00-14:00" in (folder / "DE.yaml").read_text()
    english, _, story = await explained(world, "a")
    assert channel(story)["agrees"] is True
    assert "DE@v1  de.hours (statute, verified) lets it through:" in english
    assert "within 08:00-21:00" in english
    assert "13:00" not in english


async def test_a_message_whose_text_was_decisive_is_said_to_be_gone(world: World) -> None:
    packs(world, DE=CONTENT)
    async with world.inside():
        await world.put(reminder("a"))
        await world.receipts.ended("a")
    english, chinese, story = await explained(world, "a")
    found = channel(story)
    assert (found["decision"], found["blocked_by"], found["agrees"]) == ("deny", ["xx.phrases"], False)
    assert "the text of the message is not kept" in english
    assert "it is among the rules that blocked" in english
    assert "消息正文不予留存；当时为拦截规则之一" in chinese


async def test_the_limit_of_a_household_is_told_with_the_contacts_of_its_other_people(world: World) -> None:
    packs(world, house=CAP.replace("[recipient]", "[household]"))
    async with world.inside(ShiftedClock.at(next_day_at(11, 0, 0))):
        for person in ("one", "two"):
            await world.put(reminder(f"to-{person}", person, recipient={"household": "home"}))
            await world.receipts.ended(f"to-{person}")
        await world.put(reminder("held", "three", recipient={"household": "home"}))
        await world.receipts.until(lambda: world.receipts.statuses("held") == ["deferred"])
    for job, used in (("to-one", 0), ("to-two", 1), ("held", 2)):
        _, _, story = await explained(world, job)
        found = channel(story)
        assert (found["agrees"], rule(found, "house.cap")["figures"]["counted"]) == (True, used)


async def test_after_a_message_that_did_not_arrive_the_next_channels_decision_is_told(world: World) -> None:
    packs(world, house=CAP)
    async with world.inside(ShiftedClock.at(next_day_at(11, 0, 0))):
        who = {"phone": "+491701234504", "email": "li50@example.com"}  # the sms is taken and does not arrive
        await world.put(reminder("a", channels=["sms", "email"], recipient=who))
        await world.receipts.ended("a")
    english, chinese, story = await explained(world, "a")
    assert [receipt["status"] for receipt in story["receipts"]] == ["sent", "undelivered", "sent", "delivered"]
    found = channel(story)
    assert (found["channel"], found["decision"], found["agrees"]) == ("email", "allow", True)
    assert "1 of 2 contacts in 24 h (rolling) are used: sms undelivered" in english
    assert "email: delivered" in english
    assert "attempt 2: email through box-email" in english
    assert "邮件：已送达" in chinese


async def test_what_is_in_doubt_and_what_is_paused_is_told(world: World) -> None:
    packs(world, house=CAP)
    async with world.inside():
        await world.put(reminder("doubt", recipient={"phone": "+491701234503"}))
        await world.receipts.until(lambda: world.receipts.statuses("doubt") == ["in_doubt"])
        await world.command("pause", channel="sms")
        await world.emptied()
        await world.put(reminder("held"))
        await world.receipts.until(lambda: world.receipts.statuses("held") == ["deferred"])
    english, chinese, _ = await explained(world, "doubt")
    assert "sms: handed over to box-sms at" in english
    assert "outcome unknown: counted, and never sent again" in english
    assert "结果待核实：计入联系次数，不再重发" in chinese
    english, chinese, story = await explained(world, "held")
    assert "sms: waits until somebody lets it go on: paused" in english
    assert "it is tried next when somebody lets it go on" in english
    assert "短信：暂缓，等待人工恢复：已暂停" in chinese
    assert channel(story)["decision"] == "allow", "it is no rule that holds it"


async def test_what_is_not_there_is_one_line(world: World) -> None:
    status, out, err = await gateway(world, "explain", "nothing*")
    assert (status, out, len(err.splitlines())) == (1, "", 1)
    assert "nothing*: no such job is known" in err
    await world.put(reminder("unread/1"))
    status, out, err = await gateway(world, "explain", "unread/1")
    assert (status, out, len(err.splitlines())) == (1, "", 1)
    assert "is on the lane normal as" in err


async def test_the_same_id_of_several_people_is_told_for_each_unless_one_is_named(world: World) -> None:
    packs(world, house=CAP)
    async with world.inside():
        await world.put(reminder("a/1", "one"), reminder("a/1", "t/wo", tenant="x%"), reminder("b/a/1", "three"))
        await world.receipts.until(lambda: len([r for r in world.receipts.all if r["final"]]) == 3)
    _, document, _ = await gateway(world, "explain", "a/1", "--json")
    stories = json.loads(document)["jobs"]
    assert {(story["tenant"], story["recipient"]) for story in stories} == {("default", "one"), ("x%", "t/wo")}
    _, document, _ = await gateway(world, "explain", "a/1", "--tenant", "x%", "--recipient", "t/wo", "--json")
    (story,) = json.loads(document)["jobs"]
    assert story["recipient"] == "t/wo"
