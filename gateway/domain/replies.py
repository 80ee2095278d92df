"""Understands what a person wrote back, as far as a machine may: a wish to be left alone, or something for a person.

A wish to stop is honoured in any words that can be told from others ("any reasonable means": 47 CFR 64.1200(a)(10),
which names STOP, QUIT, END, REVOKE, OPT OUT, CANCEL and UNSUBSCRIBE; 退订 and its short forms T and TD: Chinese
operators). In doubt somebody reads it. Nothing that is written back is ever taken for a consent: that needs proof.
"""

import re
import unicodedata
from typing import Literal

Meaning = Literal["stop", "opt_in", "unclear"]

STOP_WORDS = frozenset({
    "stop", "stopall", "stopp", "unsubscribe", "unsub", "cancel", "end", "quit", "revoke", "optout", "opt-out", "arret",
    "arrêt", "baja", "alto", "parar", "t", "td", "回t", "回td", "退订", "退訂", "退", "取消", "取消订阅", "拒收",
    "停", "停止",
})  # fmt: skip
"""Each a whole message by itself, or with words of courtesy."""
COURTESY = frozenset({
    "please", "pls", "thanks", "thank", "you", "now", "all", "sms", "text", "texts", "messages", "msg", "me",
    "谢谢", "请",
})  # fmt: skip
STOP_PHRASES = (
    r"\bopt(ing)? (me )?out\b", r"\bunsubscribe\b", r"\bleave me alone\b", r"\b(remove|delete) (me|my number)\b",
    r"\btake me off\b", r"\bno more (messages|texts|sms|emails|calls|reminders)\b", r"\bgo away\b",
    r"\b(do not|don'?t|never|cease to) (ever )?(contact|text|messag|call|send|writ|email|harass|bother)",
    r"\b(stop|quit|cease) (contacting|texting|messaging|calling|sending|writing|emailing|harassing|bothering)\b",
    r"\bwrong (number|person)\b", r"\bcease and desist\b", "退订", "退訂", "拒收", "别烦我", "不是本人", "打错", "发错",
    "(别|不要|勿|停止|不准|请勿)(再|给我)*(发|联系|打扰|骚扰|烦|来信|打电话)",
)  # fmt: skip
NOT_A_STOP = r"\b(do not|don'?t|never) (ever )?(stop|unsubscribe|cancel|opt)"
OPT_IN_WORDS = frozenset({"start", "unstop", "yes", "subscribe", "resume", "optin", "opt-in", "订阅", "恢复", "同意"})

_STOP = re.compile("|".join(STOP_PHRASES))
_NOT_A_STOP = re.compile(NOT_A_STOP)
_WORD = re.compile(r"[^\W_]+(?:[-'][^\W_]+)*")


def meaning(text: str) -> Meaning:
    """What a reply says, whatever its case, width, accents of quotes and punctuation."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    words = _WORD.findall(plain)
    said = [word for word in words if word not in COURTESY]
    if (len(said) == 1 and said[0] in STOP_WORDS) or " ".join(words) == "opt out":
        return "stop"
    if not _NOT_A_STOP.search(plain) and (_STOP.search(" ".join(words)) or words[:1] == ["stop"]):
        return "stop"
    return "opt_in" if len(said) == 1 and said[0] in OPT_IN_WORDS else "unclear"
