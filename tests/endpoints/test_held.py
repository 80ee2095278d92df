"""What is in hand goes in the order of its job, whatever happens in between."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.endpoints.held import Held, Item

JOBS = st.lists(st.sampled_from("abc"), min_size=1, max_size=12)


@given(JOBS, st.data())
def test_every_choice_is_the_first_of_its_job_and_nothing_is_forgotten(jobs: list[str], data: st.DataObject) -> None:
    held, now = Held(), 1
    for number, job in enumerate(jobs):
        for _ in range(2):  # what is read twice is held once
            held.add(Item(str(number), ("t", None, job), b"", {}))
    assert len(held) == len(jobs)
    gone: list[str] = []
    flying: list[Item] = []
    while len(held):
        now += 1
        probe = held.probe()
        chosen = held.ready(now)
        assert {item.job for item in chosen}.isdisjoint({item.job for item in flying})
        assert (probe is None) or probe.job not in {item.job for item in flying}
        for item in chosen:
            first = next(n for n, job in enumerate(jobs) if job == item.job[2] and str(n) not in gone)
            assert first == int(item.id)
            held.begin(item, now)
            flying.append(item)
        if not flying:
            now = min(item.due for item in [held.probe()] if item)
            continue
        landed = data.draw(st.sampled_from(flying))
        flying.remove(landed)
        refused = data.draw(st.booleans())
        if refused:
            landed.due = now + data.draw(st.integers(0, 3))
            held.back(landed)
        else:
            held.done(landed)
            gone.append(landed.id)
    assert sorted(gone, key=int) == [str(n) for n in range(len(jobs))]
    assert held.probe() is None
    assert not held.fresh


def test_an_endpoint_that_is_down_is_asked_with_each_in_turn_and_first_with_one_not_tried() -> None:
    held = Held()
    for number, job in enumerate("abc"):
        held.add(Item(str(number), ("t", None, job), b"", {}, due=10**15))
    asked = []
    for now in range(1, 7):
        assert held.fresh == (now < 4)
        item = held.probe()
        assert item is not None
        held.begin(item, now)
        held.back(item)
        asked.append(item.id)
    assert asked == ["0", "1", "2"] * 2
