"""What words a message must show to have said something: the named notices of `content` rules, and what gives a debt
away on a lock screen, per language.

A language without an entry is held to the words of all languages together.
"""

import re
import unicodedata
from collections.abc import Mapping

Sought = tuple[str, str, re.Pattern[str]]
"""A phrase, what to look for at first, which is quick, and what it must be as whole words."""
_MOST_LOCALES = 256
_MONEY = re.compile(
    r"[$€£¥₹₩₽฿₫₱]|\d[.,]\d\d(?!\d)|\b(?:USD|EUR|GBP|CNY|RMB|JPY|KRW|INR|BRL|MXN|RUB|AUD|CAD)\b|\d\s*元"
)
_LETTER = "A-Za-z0-9\u00c0-\u024f\u0400-\u052f\u1e00-\u1eff"
"""Scripts that set words apart by spaces: a phrase there must not be part of a longer word."""
_INVISIBLE = re.compile(
    "[\u00ad\u0600-\u0605\u061c\u06dd\u070f\u08e2\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f"
    "\ufeff\ufff9-\ufffb\U000e0001\U000e0020-\U000e007f]"
)
"""Unicode's format characters (Cf): nobody sees them, and a word may be hidden by them."""
_DISGUISED = re.compile(
    "[\u0300-\u036f\u1100-\u11ff\u2070-\u209c\u2100-\u214f\u2460-\u24ff\u3130-\u318f\u3200-\u33ff\uf900-\ufaff"
    "\ufb00-\ufb06\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\uff66-\uffdc\U0001d400-\U0001d7ff\U0001f100-\U0001f1ff]"
)
"""Letters and digits in another form (full width, circled, mathematical, taken apart), which NFKC makes plain. It takes
40 µs for a page of Chinese, whose punctuation alone is no reason."""
_WORD = re.compile(f"[{_LETTER}]")


def plain(text: str) -> str:
    """The text as it is compared: one form of every character, no invisible ones, no capitals, single spaces."""
    if not text.isascii():
        text = _INVISIBLE.sub("", text)
        if _DISGUISED.search(text):
            text = unicodedata.normalize("NFKC", text)
    return " ".join(text.casefold().split())


class Phrases:
    """Phrases by language (the first subtag of BCP 47), `*` for every language. A language without phrases of its own
    is held to those of all."""

    __slots__ = ("_sought", "by_language")

    def __init__(self, by_language: Mapping[str, tuple[str, ...]]) -> None:
        self.by_language = {name.lower(): phrases for name, phrases in by_language.items()}
        self._sought: dict[str, tuple[Sought, ...]] = {}

    def found(self, locale: str, text: str) -> list[str]:
        """Which of the phrases for a locale stand in a `plain` text."""
        return [phrase for phrase, part, whole in self._of(locale) if part in text and whole.search(text)]

    def _of(self, locale: str) -> "tuple[Sought, ...]":
        sought = self._sought.get(locale)
        if sought is None:
            own = self.by_language.get(locale.replace("_", "-").partition("-")[0].lower())
            everywhere = self.by_language.get("*", ())
            listed = [phrase for listed in self.by_language.values() for phrase in listed]
            wanted = listed if own is None else (*own, *everywhere)
            sought = tuple((phrase, plain(phrase), _whole(plain(phrase))) for phrase in wanted)
            if len(self._sought) < _MOST_LOCALES:  # they come from outside
                self._sought[locale] = sought
        return sought


def _whole(wanted: str) -> re.Pattern[str]:
    before = f"(?<![{_LETTER}])" if _WORD.match(wanted[:1]) else ""
    after = f"(?![{_LETTER}])" if _WORD.match(wanted[-1:]) else ""
    return re.compile(before + re.escape(wanted) + after)


OPT_OUT = Phrases({
    "en": ("STOP", "opt out", "opt-out", "unsubscribe"),
    "zh": ("退订", "拒收", "回T", "回复T", "回TD", "回N", "取消订阅"),
    "es": ("BAJA", "STOP", "darse de baja", "cancelar la suscripción"),
    "pt": ("SAIR", "PARAR", "STOP", "cancelar a inscrição", "descadastrar"),
    "fr": ("STOP", "désabonner", "désinscrire"),
    "de": ("STOP", "STOPP", "abmelden", "abbestellen"),
    "ja": ("配信停止", "停止", "STOP"),
    "ko": ("수신거부", "무료거부", "STOP"),
    "ru": ("СТОП", "отписаться", "отказаться от рассылки", "STOP"),
    "id": ("BERHENTI", "STOP", "berhenti berlangganan"),
    "vi": ("HUY", "HỦY", "TUCHOI", "từ chối", "STOP"),
    "th": ("ยกเลิก", "STOP"),
    "hi": ("STOP", "सदस्यता समाप्त"),
})  # fmt: skip
DEBT_COLLECTOR = Phrases({
    "en": ("debt collector", "attempt to collect a debt", "attempting to collect a debt"),
    "es": ("cobrador de deudas", "cobrar una deuda"),
    "zh": ("催收机构", "债务催收", "受托催收"),
})  # fmt: skip
DEBT = Phrases({
    "en": (
        "debt", "debts", "overdue", "past due", "arrears", "owe", "owed", "owing", "unpaid", "collection",
        "collections", "collector", "delinquent", "default", "amount due", "balance due", "repayment", "repay",
        "final notice",
    ),
    "zh": ("欠", "逾期", "催收", "还款", "债", "未还", "拖欠", "应还", "失信"),
    "es": ("deuda", "deudas", "mora", "moroso", "vencido", "cobranza", "cobro", "impago"),
    "pt": ("dívida", "dívidas", "débito", "atraso", "vencido", "cobrança", "inadimplente"),
    "fr": ("dette", "dettes", "impayé", "retard de paiement", "recouvrement", "arriéré"),
    "de": ("schuld", "schulden", "überfällig", "mahnung", "inkasso", "rückstand", "zahlungsverzug"),
    "ja": ("延滞", "督促", "滞納", "債務", "返済", "未払"),
    "ko": ("연체", "채무", "추심", "미납", "상환"),
    "ru": ("долг", "долга", "задолженность", "задолженности", "просрочка", "просрочен", "взыскание"),
    "id": ("utang", "hutang", "tunggakan", "menunggak", "jatuh tempo", "penagihan"),
    "vi": ("nợ", "quá hạn", "thu hồi"),
    "th": ("หนี้", "ค้างชำระ", "ทวงถาม"),
    "hi": ("बकाया", "ऋण", "कर्ज"),
})  # fmt: skip


def betrays_debt(text: str, locale: str) -> list[str]:
    """What in a `plain` text tells whoever sees the screen that money is owed: its words, or an amount."""
    money = _MONEY.search(text.upper())
    return DEBT.found(locale, text) + ([money.group()] if money else [])
