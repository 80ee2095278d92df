"""What was published is in force for everybody, and a label in a receipt never means two texts."""

import uuid
from collections.abc import AsyncIterator

import pytest

from gateway.store.policies import Offer, Offered, in_force, name_of, publication, publish, texts_of
from gateway.store.redis import Store, connected


@pytest.fixture
async def store(valkey: str) -> AsyncIterator[Store]:
    async with connected(valkey, f"s{uuid.uuid4().hex[:8]}") as made:
        yield made
        async for key in made.redis.scan_iter(f"{made.keys.prefix}:*"):
            await made.redis.unlink(key)


def offer(text: str, age: int = 1, path: str = "/policies", edited: bool = False) -> Offer:
    texts = {"house": text}
    return Offer(
        name=name_of(texts), texts=texts, labels={"house": "house@1"}, path=path, age=age, edited=edited,
        at="2026-11-24T00:00:00.000Z",
    )  # fmt: skip


async def test_the_first_folder_is_in_force_and_raises_the_version_that_guards_claims(store: Store) -> None:
    assert await in_force(store) is None
    assert await publish(store, offer("a")) == Offered.PUBLISHED
    sight = await store.observe([])
    assert (sight.policy, sight.version, sight.pauses) == (offer("a").name, 1, ())
    assert await publish(store, offer("a", age=9)) == Offered.IN_FORCE
    assert (await store.observe([])).version == 1


async def test_of_one_folder_on_two_hosts_the_one_changed_last_holds(store: Store) -> None:
    await publish(store, offer("new", age=5))
    assert await publish(store, offer("old", age=3)) == Offered.OUTDATED
    assert await in_force(store) == offer("new").name
    assert await publish(store, offer("old", age=3, edited=True)) == Offered.PUBLISHED, "an edit back is an edit"
    assert await publish(store, offer("new", age=5)) == Offered.OUTDATED, "and holds when another host starts"
    assert await publish(store, offer("other", age=2, path="/elsewhere")) == Offered.PUBLISHED


async def test_a_label_is_one_text_for_ever(store: Store) -> None:
    await publish(store, offer("a", age=1))
    await publish(store, offer("b", age=2))
    found = await publication(store, offer("b").name)
    assert found is not None
    label = found.packs["house"]
    assert label.startswith("house@1+")
    assert await texts_of(store, ["house@1", label, "none@1"]) == await texts_of(store) == {"house@1": "a", label: "b"}
    await publish(store, offer("a", age=3))
    again = await publication(store, offer("a").name)
    assert again is not None
    assert again.packs == {"house": "house@1"}


async def test_a_publication_that_was_lost_is_written_again(store: Store) -> None:
    await publish(store, offer("a"))
    await store.redis.delete(store.keys.policies)
    assert await publish(store, offer("a")) == Offered.PUBLISHED
    assert await publication(store, offer("a").name) is not None
