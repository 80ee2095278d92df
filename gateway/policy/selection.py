"""Says whether a rule concerns a contact at all: its purpose, channel, role, account, and what exempts or waives it.

Nothing here depends on the moment. What the job does not tell never exempts it: a rule for accounts over 15 days late
also holds for an account of which nobody says how late it is.
"""

from collections.abc import Mapping
from typing import Any, Self

from msgspec import Struct
from msgspec.structs import force_setattr

from gateway.policy.facts import Candidate
from gateway.policy.fields import Fields

ROLES = ("creditor", "agency", "buyer")
_COMPARE = ("over", "under", "at_least", "at_most")


class Attribute(Struct, frozen=True):
    """A condition on one of the job's `params`: `{over: 15}`, or one of several plain values."""

    name: str
    compare: str
    value: Any

    def agrees(self, params: Mapping[str, Any]) -> bool:
        """Whether the account may be one that is meant: also when the attribute is missing or cannot be compared."""
        told = params.get(self.name)
        if isinstance(told, Mapping):
            told = told.get("value")
        if self.compare == "is":
            return told is None or told in self.value
        try:
            number = float(told)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            return True
        limit = self.value
        match self.compare:
            case "over":
                return not number <= limit
            case "under":
                return not number >= limit
            case "at_least":
                return not number < limit
            case _:
                return not number > limit


class Selection(Struct, frozen=True, kw_only=True):
    """Empty selects everything."""

    purposes: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    accounts: tuple[Attribute, ...] = ()
    except_purposes: tuple[str, ...] = ()
    waived_by: tuple[str, ...] = ()
    everything: bool = False
    """Whether it selects every contact; worked out."""

    def __post_init__(self) -> None:
        narrow = self.purposes or self.channels or self.roles or self.accounts or self.except_purposes or self.waived_by
        force_setattr(self, "everything", not narrow)

    @classmethod
    def read(cls, fields: Fields) -> Self:
        exempt, waivers = fields.words("except_purposes"), fields.words("waived_by")
        applies = fields.section("applies")
        if applies is None:
            return cls(except_purposes=exempt, waived_by=waivers)
        chosen = cls(
            purposes=applies.words("purposes"),
            channels=applies.words("channels"),
            roles=applies.words("roles", one_of=ROLES),
            accounts=_attributes(applies.section("accounts")),
            except_purposes=exempt,
            waived_by=waivers,
        )
        applies.done()
        return chosen

    def selects(self, candidate: Candidate) -> bool:
        """Whether the rule weighs this contact."""
        return self.everything or (self.may_select(candidate) and (not self.accounts or self._account(candidate)))

    def may_select(self, candidate: Candidate) -> bool:
        """The same, whatever the account."""
        return (
            (not self.purposes or candidate.purpose in self.purposes)
            and (not self.except_purposes or candidate.purpose not in self.except_purposes)
            and (not candidate.flags or not any(flag in self.waived_by for flag in candidate.flags))
            and (not self.channels or candidate.channel in self.channels)
            and (not self.roles or candidate.role in self.roles)
        )

    def concerns(self, candidate: Candidate) -> bool:
        """The same as `selects`, whatever the purpose and the flags."""
        return (
            (not self.channels or candidate.channel in self.channels)
            and (not self.roles or candidate.role in self.roles)
            and (not self.accounts or self._account(candidate))
        )

    def _account(self, candidate: Candidate) -> bool:
        return all(wanted.agrees(candidate.params) for wanted in self.accounts)


def _attributes(fields: Fields | None) -> tuple[Attribute, ...]:
    return () if fields is None else tuple(item for name in fields.names() for item in _attribute(fields, name))


def _attribute(fields: Fields, name: str) -> list[Attribute]:
    value = fields.raw(name)
    if isinstance(value, list):
        return [Attribute(name, "is", tuple(value))]
    if not isinstance(value, Mapping):
        return [Attribute(name, "is", (value,))]
    inner = fields.section(name) or Fields({})
    found = []
    for compare in _COMPARE:
        limit = inner.raw(compare)
        if limit is None:
            continue
        if isinstance(limit, bool) or not isinstance(limit, int | float):
            inner.wrong(compare, "must be a number")
        else:
            found.append(Attribute(name, compare, limit))
    inner.done()
    if not found:
        fields.wrong(name, f"must compare with {', '.join(_COMPARE)}, or be a value or a list of values")
    return found
