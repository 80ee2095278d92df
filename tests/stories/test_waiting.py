"""Jobs that wait: for their time, for morning, for another try, for evidence; and the way from channel to channel."""

import asyncio
from pathlib import Path

import pytest

from channels.fakes.fcm import FakeFcm
from gateway.domain.clock import format_instant
from tests.stories.test_commands_and_contacts import messages
from tests.stories.world import ROOT, ShiftedClock, World, next_day_at, reminder


def ending(digits: str) -> dict[str, str]:
    """Addresses whose last digits tell the sandbox what to do with an sms; the email arrives."""
    return {"phone": f"+4917012345{digits}", "email": "li50@example.com"}


async def test_a_job_is_not_sent_before_its_time_and_then_at_once(world: World) -> None:
    async with world.inside() as plant:
        due = world.clock.now() + 1200
        await world.put(reminder("a", not_before=format_instant(due)))
        await world.receipts.ended("a")
        assert world.receipts.statuses("a") == ["deferred", "sent", "delivered"]
        reason = world.receipts.job("a")[0]["reason"]
        assert (reason["code"], reason["until"]) == ("not_before", format_instant(due))
        (message,) = messages(plant, "box-sms")
        assert due <= message.admitted_at <= due + 1000


async def test_a_job_whose_end_has_passed_is_never_sent(world: World) -> None:
    async with world.inside() as plant:
        now = world.clock.now()
        await world.put(
            reminder("over", expires_at=format_instant(now - 1)),
            reminder("never", not_before=format_instant(now + 9000), expires_at=format_instant(now + 8000)),
        )
        await world.receipts.ended("over", "never")
        assert world.receipts.statuses("over") == world.receipts.statuses("never") == ["expired"]
        assert not messages(plant, "box-sms")


async def test_a_job_expires_on_time_while_it_waits(world: World) -> None:
    async with world.inside():
        await world.command("pause")
        await world.emptied()
        ends = world.clock.now() + 3000
        await world.put(reminder("a", expires_at=format_instant(ends)))
        await world.receipts.until(lambda: world.receipts.statuses("a") == ["deferred"])
        await world.receipts.ended("a", seconds=5)
        assert world.receipts.statuses("a") == ["deferred", "expired"]
        assert ends <= world.clock.now() <= ends + 2000


async def test_a_reminder_that_comes_in_the_night_waits_for_morning(world: World) -> None:
    world.configure(policies=world.policy(hours="08:00-21:00"))
    clock = ShiftedClock.at(next_day_at(7, 59, 57))
    names = [f"n{number}" for number in range(100)]
    async with world.inside(clock) as plant:
        await world.put(*[reminder(name, recipient={"time_zone": "Etc/UTC"}) for name in names])
        await world.receipts.until(lambda: world.receipts.count()["deferred"] == len(names))
        opens = format_instant(next_day_at(8, 0, 0))
        for name in names:
            reason = world.receipts.job(name)[0]["reason"]
            assert (reason["code"], reason["rule"], reason["until"]) == ("quiet_hours", "house.hours", opens)
        await world.receipts.ended(*names)
        assert all(world.receipts.statuses(name) == ["deferred", "sent", "delivered"] for name in names)
        assert all(format_instant(message.admitted_at) >= opens for message in messages(plant, "box-sms"))


async def test_a_reminder_without_a_lawful_moment_before_its_end_expires_at_once(world: World) -> None:
    world.configure(policies=world.policy(hours="08:00-21:00"))
    clock = ShiftedClock.at(next_day_at(21, 30, 0))
    async with world.inside(clock):
        ends = format_instant(clock.now() + 3_600_000)
        await world.put(reminder("a", expires_at=ends, recipient={"time_zone": "Etc/UTC"}))
        await world.receipts.ended("a")
        assert world.receipts.statuses("a") == ["expired"]


async def test_no_message_goes_out_into_a_window_that_is_about_to_close(world: World) -> None:
    world.configure(policies=world.policy(hours="08:00-21:00"))
    clock = ShiftedClock.at(next_day_at(20, 59, 59) + 300)
    async with world.inside(clock) as plant:
        await world.put(reminder("a", recipient={"time_zone": "Etc/UTC"}))
        await world.receipts.until(lambda: bool(world.receipts.job("a")))
        await asyncio.sleep(1)
        await world.receipts.settle()
        assert set(world.receipts.statuses("a")) == {"deferred"}
        assert world.receipts.last("a")["reason"]["until"] >= format_instant(next_day_at(21, 0, 0))
        assert not messages(plant, "box-sms")


async def test_the_shipped_packs_hold_a_reminder_to_a_person_in_china_overnight(world: World) -> None:
    world.configure(policies=str(ROOT / "config/policies"))
    clock = ShiftedClock.at(next_day_at(15, 0, 0))  # 23:00 in Shanghai
    async with world.inside(clock):
        who = {"phone": "+8613800138000", "time_zone": "Asia/Shanghai", "jurisdiction": "CN", "locale": "zh-CN"}
        await world.put(reminder("a", recipient=who))
        await world.receipts.until(lambda: bool(world.receipts.job("a")))
        told = world.receipts.last("a")
        assert (told["status"], told["reason"]["code"]) == ("deferred", "quiet_hours")
        assert told["policy"].startswith("CN@")
        assert "house@" in told["policy"]


@pytest.mark.parametrize(
    ("digits", "channels", "statuses"),
    [
        ("01", ["sms", "email"], ["sent", "delivered"]),
        ("01", ["sms"], ["failed"]),
        ("02", ["sms"], ["deferred", "sent", "delivered"]),
        ("03", ["sms", "email"], ["in_doubt", "presumed_sent"]),
        ("04", ["sms", "email"], ["sent", "undelivered", "sent", "delivered"]),
        ("04", ["sms"], ["sent", "undelivered"]),
        ("05", ["sms", "email"], ["sent", "presumed_sent"]),
        ("07", ["sms", "email"], ["in_doubt", "delivered"]),
    ],
)
async def test_the_way_of_a_job_from_channel_to_channel(
    world: World, digits: str, channels: list[str], statuses: list[str]
) -> None:
    world.configure(horizons={"receipts": "2s"})
    async with world.inside() as plant:
        await world.put(reminder("a", channels=channels, recipient=ending(digits)))
        await world.receipts.ended("a")
        await world.emptied()
        await world.receipts.settle()
        told = world.receipts.job("a")
        assert [r["status"] for r in told] in (statuses, [s for s in statuses if s != "deferred"])
        assert [r["final"] for r in told] == [False] * (len(told) - 1) + [True]
        assert len(messages(plant, "box-sms")) <= 1
        if told[-1]["status"] == "delivered" and len(channels) == 2 and digits != "07":
            assert told[-1]["channel"] == "email"


async def test_a_provider_that_is_down_at_every_try_is_tried_so_often_and_then_the_next_channel(world: World) -> None:
    world.configure(retry={"first": "50ms", "most": "100ms", "attempts": 3})
    async with world.inside():
        await world.put(reminder("a", channels=["sms", "email"], recipient=ending("08")))
        await world.receipts.ended("a")
        assert world.receipts.statuses("a")[-2:] == ["sent", "delivered"]
        assert world.receipts.last("a")["channel"] == "email"
        assert all(r["reason"]["code"] == "backoff" for r in world.receipts.job("a")[:-2])


async def test_under_all_every_channel_comes_to_its_own_end(world: World) -> None:
    world.configure(horizons={"receipts": "2s"})
    async with world.inside():
        who = {"phone": "+491701234501", "email": "li04@example.com", "push": [{"provider": "fcm", "token": "t03"}]}
        await world.put(reminder("a", channels=["sms", "email", "push"], strategy="all", recipient=who))
        await world.receipts.ended("a")
        await world.receipts.settle()
        ends = {r["channel"]: r["status"] for r in world.receipts.job("a") if r["final"]}
        assert ends == {"sms": "failed", "email": "undelivered", "push": "presumed_sent"}


async def test_a_report_that_comes_after_the_presumption_is_told_and_nothing_after_it(world: World) -> None:
    box = [{"name": "box-sms", "kind": "sandbox", "receipt_ms": 2500}]
    world.configure({"sms": box}, horizons={"receipts": "1s"})
    async with world.inside():
        await world.put(reminder("a"))
        await world.receipts.until(lambda: len(world.receipts.job("a")) == 3)
        assert world.receipts.statuses("a") == ["sent", "presumed_sent", "delivered"]


async def test_what_is_in_doubt_counts_as_a_contact(world: World) -> None:
    world.configure(policies=world.policy(1))
    async with world.inside():
        await world.put(reminder("a", "li", recipient=ending("03")))
        await world.receipts.until(lambda: world.receipts.statuses("a") == ["in_doubt"])
        await world.put(reminder("b", "li"))
        await world.receipts.until(lambda: bool(world.receipts.job("b")))
        assert world.receipts.last("b")["reason"]["code"] == "limit"


async def test_what_was_refused_for_good_does_not_count_as_a_contact(world: World) -> None:
    world.configure(policies=world.policy(1))
    async with world.inside():
        await world.put(reminder("a", "li", recipient=ending("01")))
        await world.receipts.ended("a")
        await world.put(reminder("b", "li"))
        await world.receipts.ended("b")
        assert world.receipts.statuses("b") == ["sent", "delivered"]


async def test_another_provider_of_the_channel_takes_over_where_one_is_down(world: World) -> None:
    world.configure({
        "sms": [
            {"name": "down", "kind": "twilio", "account_sid": "AC1", "auth_token": "x", "from": "+15005550006",
             "base_url": "http://127.0.0.1:9"},
            {"name": "spare", "kind": "sandbox", "receipt_ms": 1},
        ]
    })  # fmt: skip
    names = [f"s{number}" for number in range(60)]
    async with world.inside() as plant:
        await world.put(*[reminder(name) for name in names])
        await world.receipts.ended(*names)
        assert sorted(message.job_id for message in messages(plant, "spare")) == sorted(names)
        assert all(world.receipts.last(name)["provider"] == "spare" for name in names)


async def test_a_full_channel_holds_up_no_other(world: World) -> None:
    world.configure({
        "sms": [{"name": "slow", "kind": "sandbox", "latency_ms": 5000, "concurrency": 2}],
        "email": [{"name": "quick", "kind": "sandbox", "receipt_ms": 1}],
    })  # fmt: skip
    slow = [reminder(f"slow{number}") for number in range(1000)]
    quick = [
        reminder(f"q{number}", channels=["email"], recipient={"email": f"q{number}x@example.com"})
        for number in range(100)
    ]
    async with world.inside():
        await world.put(*slow, lane="high")
        await world.put(*quick, lane="normal")
        await world.receipts.ended(*[job["id"] for job in quick], seconds=5)


async def test_a_job_for_all_channels_that_is_cancelled_before_anything_was_sent_ends_once(world: World) -> None:
    async with world.inside():
        await world.command("pause")
        await world.emptied()
        who = {"email": "alex@example.com", "push": [{"provider": "fcm", "token": "abc"}]}
        await world.put(reminder("a", channels=["sms", "email", "push"], strategy="all", recipient=who))
        await world.receipts.until(lambda: world.receipts.count()["deferred"] == 3)
        await world.command("cancel", job_id="a")
        await world.receipts.until(lambda: world.receipts.count()["cancelled"] == 1)
        await world.receipts.settle()
    assert world.receipts.count()["cancelled"] == 1


async def test_a_broken_job_that_is_mended_and_sent_again_has_receipts_of_its_own(world: World) -> None:
    async with world.inside():
        await world.put(reminder("a", recipient={"phone": "12"}))
        await world.receipts.until(lambda: world.receipts.count()["rejected"] == 1)
        await world.put(reminder("a"))
        await world.receipts.until(lambda: world.receipts.count()["delivered"] == 1)
    assert [one["id"] for one in world.receipts.job("a")] == ["a#0", "a#1", "a#2"]


async def test_of_several_apps_the_one_is_taken_that_a_configured_provider_reaches(
    world: World, tmp_path: Path
) -> None:
    fcm = FakeFcm()
    async with fcm.serve():
        entry = {"name": "fcm", "kind": "fcm", "credentials": fcm.credentials(tmp_path), "base_url": fcm.url}
        world.configure({"push": [entry]})
        async with world.inside():
            apps = [{"provider": "apns", "token": "apple"}, {"provider": "fcm", "token": "google"}]
            await world.put(reminder("a", channels=["push"], recipient={"push": apps}))
            await world.put(reminder("b", channels=["push"], recipient={"push": apps[:1]}))
            await world.receipts.until(lambda: len(world.receipts.all) == 2)
    assert [record["to"] for record in fcm.log] == ["google"]
    assert world.receipts.last("b")["reason"]["code"] == "no_address"
