"""Why a job was or was not sent, for the command and for people who ask over HTTP: from the store and the ledger."""

from functools import cache, partial

from gateway.config import Config
from gateway.domain.clock import Clock, Instant
from gateway.front.behind import Behind, outage
from gateway.pipeline.desks import Desks
from gateway.pipeline.view import House
from gateway.policy.folder import read_folder
from gateway.policy.policy import Policy
from gateway.queries.explain import Reader, Story, story_of
from gateway.queries.kept_records import Kept, kept_records, pack_texts
from gateway.queries.packs import Shelf, version_in_force
from gateway.queries.records import Held, UnreadableRecord, files_of, find, receipts_of
from gateway.queries.telling import headline, page
from gateway.queries.words import Language
from gateway.rendering.catalog import Catalog
from gateway.store.policies import texts_of
from gateway.store.redis import Store
from gateway.web.api.why import Why


class HouseWhy:
    """Tells it in a language."""

    def __init__(self, behind: Behind, clock: Clock, config: Config, words: Catalog) -> None:
        self._behind, self.clock, self.config, self.words = behind, clock, config, words

    async def why(self, tenant: str, recipient: str, job: str, language: Language) -> Why | None:
        with outage():
            books = self._behind.books
            kept = [] if books is None else await kept_records(books, job, tenant, recipient)
            texts = {} if books is None else await pack_texts(books)
            try:
                told = await stories(
                    self.config, self.words, self._behind.store, kept, texts, (job, tenant, recipient), language,
                    self.clock.now(),
                )  # fmt: skip
            except UnreadableRecord:
                return None
        if not told:
            return None
        [story] = told
        headlines = [headline(story, track, language) for track in story.tracks]
        return Why(headlines=headlines, text=page(story, language), story=story)


async def stories(
    config: Config, words: Catalog | None, store: Store, kept: list[Kept], texts: dict[str, str],
    wanted: tuple[str, str | None, str | None], language: Language, now: Instant,
) -> list[Story]:  # fmt: skip
    """What there is to say of every job of an id, of a tenant and a recipient or of any: by the store, and by what the
    ledger has `kept`; `texts` are those of the packs that it knows. Raises UnreadableRecord, StoreError."""
    found = await find(store, *wanted)
    files = await files_of(store, found)
    held = {(one.tenant, one.recipient) for one in found}
    known = {(one.held.tenant, one.held.recipient): one.receipts for one in kept}
    older = [one for one in kept if (one.held.tenant, one.held.recipient) not in held]
    if not found and not older:
        return []
    jobs = [*found, *(one.held for one in older)]
    reader = await _reader(store, config, words, jobs, language, texts, now)
    told = []
    for one, file in zip(found, files, strict=True):
        receipts = known.get((one.tenant, one.recipient), [])
        if len(receipts) < one.job.told:  # the ledger is behind
            receipts = await receipts_of(store, one)
        told.append(story_of(one, file, receipts, reader))
    return told + [story_of(one.held, one.files, one.receipts, reader) for one in older]


async def _reader(
    store: Store, config: Config, words: Catalog | None, found: list[Held], language: Language, kept: dict[str, str],
    now: Instant,
) -> Reader:  # fmt: skip
    """The packs that judged, and the house of now for those that wait."""
    version = await version_in_force(store)
    looks = [track.look.policy for held in found for track in held.job.tracks if track.look]
    labels = [label for policy in (*looks, version or "") for label in policy.split(",") if label]
    texts = kept | await texts_of(store, labels)
    at_hand = version is not None and texts.keys() >= set(labels)
    folder = Policy({}) if at_hand else read_folder(config.policies).policy()
    shelf = Shelf(texts, folder.packs.values())
    policy = folder if version is None else shelf.policy(version).policy
    return Reader(language=language, now=now, shelf=shelf, house=cache(partial(_house, config, words, policy)))


def _house(config: Config, words: Catalog | None, policy: Policy) -> House:
    """The house as the line has it, without desks: whoever explains sends nothing."""
    desks = Desks({})
    desks.targets = None  # without providers there is no telling which app installation would be reached: any
    return House(
        policy=policy, catalog=words or Catalog.load(config.templates, config.defaults.locale), desks=desks,
        locale=config.defaults.locale, jurisdiction=config.defaults.jurisdiction, role=config.defaults.role,
    )  # fmt: skip
