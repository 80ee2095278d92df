"""Goes through the decisions that the store still holds, page by page, so that a million jobs need little memory.

The store keeps the latest look of each job, for as long as its record; the ledger will be the fuller source.
"""

from collections.abc import AsyncIterator, Sequence

from gateway.domain.clock import Instant
from gateway.queries.recorded import Recorded, recorded_cases
from gateway.queries.records import PAGE, Held, UnreadableRecord, every, files_of
from gateway.store.redis import Store


async def decisions(store: Store, earliest: Instant, faults: list[str]) -> AsyncIterator[Recorded]:
    """Every recorded case from `earliest` on, in no order; what cannot be read is a sentence in `faults`."""
    seen: set[tuple[str, str, str]] = set()
    page: list[Held] = []
    async for held in every(store, faults):
        name = (held.tenant, held.recipient, held.job_id)
        if name in seen or not any(track.look and track.look.at >= earliest for track in held.job.tracks):
            continue
        seen.add(name)
        page.append(held)
        if len(page) == PAGE:
            for recorded in await _cases(store, page, faults):
                yield recorded
            page = []
    for recorded in await _cases(store, page, faults):
        yield recorded


async def _cases(store: Store, page: Sequence[Held], faults: list[str]) -> list[Recorded]:
    """The cases of some jobs; where one file cannot be read, the others still are."""
    try:
        files = await files_of(store, page)
    except UnreadableRecord as error:
        if len(page) == 1:
            faults.append(str(error))
            return []
        return [case for held in page for case in await _cases(store, [held], faults)]
    return [case for held, file in zip(page, files, strict=True) for case in recorded_cases(held, file)]
