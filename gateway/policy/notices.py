"""What words a message must show to have said something: the named notices of `content` rules, and what gives a debt
away on a lock screen, per language.

A language without an entry is held to the words of all languages together.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache

Phrases = Mapping[str, tuple[str, ...]]
"""Language (the first subtag of BCP 47) → phrases."""

OPT_OUT: Phrases = {
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
}
DEBT_COLLECTOR: Phrases = {
    "en": ("debt collector", "attempt to collect a debt", "attempting to collect a debt"),
    "es": ("cobrador de deudas", "cobrar una deuda"),
}
DEBT: Phrases = {
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
}  # fmt: skip
_MONEY = re.compile(
    r"[$€£¥₹₩₽฿₫₱]|\d[.,]\d\d(?!\d)|\b(?:USD|EUR|GBP|CNY|RMB|JPY|KRW|INR|BRL|MXN|RUB|AUD|CAD)\b|\d\s*元"
)
_LETTER = "A-Za-z0-9\u00c0-\u024f\u0400-\u052f\u1e00-\u1eff"
"""Scripts that set words apart by spaces: a phrase there must not be part of a longer word."""
_WORD = re.compile(f"[{_LETTER}]")


def plain(text: str) -> str:
    """The text as it is compared: one form of every character, no invisible ones, no capitals, single spaces."""
    seen = "".join(c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) != "Cf")
    return " ".join(seen.casefold().split())


def found(phrases: Iterable[str], text: str) -> list[str]:
    """Which of the phrases stand in a `plain` text."""
    return [phrase for phrase in phrases if _pattern(phrase).search(text)]


def of_language(phrases: Phrases, locale: str) -> tuple[str, ...]:
    """The phrases for a locale, those for every language (`*`) among them."""
    own = phrases.get(locale.replace("_", "-").partition("-")[0].lower())
    if own is None:
        return tuple(phrase for listed in phrases.values() for phrase in listed)
    return (*own, *phrases.get("*", ()))


def betrays_debt(text: str, locale: str) -> list[str]:
    """What in a `plain` text tells whoever sees the screen that money is owed: its words, or an amount."""
    money = _MONEY.search(text.upper())
    return found(of_language(DEBT, locale), text) + ([money.group()] if money else [])


@lru_cache(maxsize=4096)
def _pattern(phrase: str) -> re.Pattern[str]:
    wanted = plain(phrase)
    before = f"(?<![{_LETTER}])" if _WORD.match(wanted[:1]) else ""
    after = f"(?![{_LETTER}])" if _WORD.match(wanted[-1:]) else ""
    return re.compile(before + re.escape(wanted) + after)
