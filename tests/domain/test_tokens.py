"""Links in messages: they say nothing to whoever reads them, and nobody but us can make one."""

import base64

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.tokens import Seal, Unsubscribed

WHO = Unsubscribed("0123456789abcdef0123", "card-centre", "cust-1029")
OURS = Seal(["a secret of sixteen"])


def sealed(seal: Seal, who: Unsubscribed = WHO, reference: str = "r1") -> str:
    token = seal.close(who, reference)
    assert token is not None
    return token


@given(st.text(max_size=200), st.text(max_size=200), st.text(max_size=64))
def test_what_is_sealed_is_opened_again(tenant: str, recipient: str, reference: str) -> None:
    who = Unsubscribed("0" * 20, tenant, recipient)
    assert OURS.open(sealed(OURS, who, reference)) == who


def test_a_token_tells_neither_address_nor_person_and_fits_a_path() -> None:
    token = sealed(OURS)
    raw = base64.urlsafe_b64decode(token + "==")
    assert all(word.encode() not in raw and word not in token for word in (WHO.address, WHO.tenant, WHO.recipient))
    assert token.isascii()
    assert not set(token) & set("/+=?#%")
    assert sealed(OURS, reference="r2") != token


def test_a_changed_token_opens_nothing() -> None:
    raw = bytearray(base64.urlsafe_b64decode(sealed(OURS) + "=="))
    for index in range(len(raw)):
        for bit in (1, 128):
            bent = bytearray(raw)
            bent[index] ^= bit
            assert OURS.open(base64.urlsafe_b64encode(bent).decode().rstrip("=")) is None


@given(st.text(max_size=300))
def test_any_other_text_opens_nothing(text: str) -> None:
    assert OURS.open(text) is None


def test_a_secret_is_changed_while_both_are_live() -> None:
    new = Seal(["another secret, longer", "a secret of sixteen"])
    assert new.open(sealed(OURS)) == WHO
    assert OURS.open(sealed(new)) is None
    assert Seal([]).close(WHO, "r") is None
