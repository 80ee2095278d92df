"""`content`: a message that lacks a notice, says what must not be said, or shows a debt on a lock screen never goes."""

import html
import re
from collections.abc import Mapping
from typing import Any, ClassVar

from gateway.domain.clock import Instant
from gateway.policy.facts import Case, Written
from gateway.policy.fields import Fields
from gateway.policy.notices import DEBT_COLLECTOR, OPT_OUT, Phrases, betrays_debt, plain
from gateway.policy.rules.base import Common, Rule

NOTICES = ("opt_out", "sender", "contact", "debt_collector")
"""How to refuse further messages; the creditor's name (the job's `creditor`); where to reach us (its `contact_phone`);
that a debt collector writes (12 CFR 1006.18(e))."""
_WORDED = {"opt_out": OPT_OUT, "debt_collector": DEBT_COLLECTOR}
_TOLD = {"sender": "creditor", "contact": "contact_phone"}
NOTHING = Phrases({})
_UNSEEN = re.compile(r"<(style|script)\b.*?</\1\s*>", re.S | re.I)
_TAG = re.compile(r"<[^>]*>")


class Content(Rule, frozen=True, kw_only=True):
    """Looks at the message and not at the time: what it blocks, it blocks for good. Without a message there is nothing
    to look at, as when a worked case is judged."""

    kind: ClassVar[str] = "content"

    require: tuple[str, ...] = ()
    forbid: Phrases = NOTHING
    lock_screen: bool = False

    @classmethod
    def parameters(cls, fields: Fields, common: Common) -> dict[str, Any]:
        if not any(key in fields for key in ("require", "forbid", "lock_screen")):
            fields.wrong("require", "is missing; or give forbid or lock_screen")
        forbid = fields.section("forbid")
        return {
            "require": fields.words("require", one_of=NOTICES),
            "forbid": NOTHING if forbid is None else Phrases({name: _phrases(forbid, name) for name in forbid.names()}),
            "lock_screen": fields.text("lock_screen", "", one_of=("no_debt",)) == "no_debt",
        }

    def idle(self, case: Case) -> bool:
        return case.written is None

    def _opens(self, case: Case, at: Instant) -> Instant | None:
        return at if case.written is None or self._passes(case, case.written) else None

    def _closes(self, case: Case, at: Instant) -> Instant | None:
        return None

    def _passes(self, case: Case, written: Written) -> bool:
        bodies, locale = _bodies(case, written), written.locale
        for body in bodies:
            if self.forbid.found(locale, body):
                return False
            for notice in self.require:
                if not _says(notice, body, case):
                    return False
        return not (self.lock_screen and betrays_debt(bodies[0], locale))

    def code(self, case: Case, at: Instant) -> str:
        return "content"

    def figures(self, case: Case, at: Instant) -> dict[str, Any]:
        written = case.written
        if written is None:
            return {}
        bodies = _bodies(case, written)
        return {
            "locale": written.locale,
            "missing": [name for name in self.require if not all(_says(name, body, case) for body in bodies)],
            "forbidden": sorted({word for body in bodies for word in self.forbid.found(written.locale, body)}),
            "betrays_debt": betrays_debt(bodies[0], written.locale) if self.lock_screen else [],
        }


def _phrases(fields: Fields, language: str) -> tuple[str, ...]:
    phrases = fields.words(language)
    if not all(map(plain, phrases)):
        fields.wrong(language, "has a phrase that nobody can see, which would forbid every message")
    return phrases


def _bodies(case: Case, written: Written) -> list[str]:
    """The message as text, and its HTML form as a reader sees it: each is all that somebody may read."""
    bodies: list[str] | None = case.memo.get("bodies")
    if bodies is None:
        title = written.title or ""
        forms = [written.text] + ([_as_read(written.html)] if written.html else [])
        bodies = case.memo["bodies"] = [plain(f"{title} {form}") for form in forms]
    return bodies


def _as_read(page: str) -> str:
    if "</style" in page or "</script" in page:
        page = _UNSEEN.sub(" ", page)
    return html.unescape(_TAG.sub(" ", page))


def _says(notice: str, body: str, case: Case) -> bool:
    """Whether a body holds a notice; one of which nobody knows the words is not there."""
    assert case.written is not None
    if notice in _WORDED:
        return bool(_WORDED[notice].found(case.written.locale, body))
    told = _text(case.candidate.params, _TOLD[notice]) or (case.candidate.creditor or "" if notice == "sender" else "")
    return bool(told) and plain(told) in body


def _text(params: Mapping[str, Any], name: str) -> str:
    value = params.get(name)
    return value if isinstance(value, str) else ""
