"""Check digits: the standards' own examples, and that no single slip of a pen goes unseen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.banking.references import (
    IBAN_LENGTHS,
    check_iban,
    creditor_reference,
    is_creditor_reference,
    is_iban,
    reference_for,
    references_in,
)
from chalicelib.core.errors import Defect, InvalidInput

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
OWN = reference_for("ten_a", "trd_1")
IN_FOURS = " ".join(OWN[i : i + 4] for i in range(0, len(OWN), 4))


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("539007547034", "RF18539007547034"),  # ISO 11649
        ("2348231", "RF712348231"),  # Finance Finland, creditor reference guidelines
    ],
)
def test_check_digits_are_those_of_the_standard(text: str, reference: str) -> None:
    assert creditor_reference(text) == reference
    assert is_creditor_reference(reference)


@pytest.mark.parametrize("text", ["RF18 5390 0754 7034", "rf18539007547034", "RF18-5390-0754-7034"])
def test_a_reference_is_known_however_it_is_spaced(text: str) -> None:
    assert is_creditor_reference(text)


@pytest.mark.parametrize(
    "text",
    ["", "RF", "RF18", "RF19539007547034", "XX18539007547034", "RF18539007547034" + "0" * 12, "RF1853900754703é"],
)
def test_what_is_no_reference_is_not_taken_for_one(text: str) -> None:
    assert not is_creditor_reference(text)


@pytest.mark.parametrize("text", ["", "0" * 22, "AB_C", "é"])
def test_a_reference_is_made_of_1_to_21_letters_and_digits(text: str) -> None:
    with pytest.raises(Defect):
        creditor_reference(text)


@given(st.text(ALPHABET, min_size=1, max_size=21), st.data())
def test_a_wrong_digit_or_letter_is_always_noticed(text: str, data: st.DataObject) -> None:
    reference = creditor_reference(text)
    at = data.draw(st.integers(2, len(reference) - 1))
    alike = [c for c in ALPHABET if c.isdigit() == reference[at].isdigit() and c != reference[at]]
    wrong = data.draw(st.sampled_from(alike))

    assert not is_creditor_reference(reference[:at] + wrong + reference[at + 1 :])


def test_an_id_always_has_the_same_reference_and_each_tenant_its_own() -> None:
    assert reference_for("ten_a", "trd_1") == OWN
    assert len({OWN, reference_for("ten_b", "trd_1"), reference_for("ten_a", "trd_2")}) == 3
    assert len(OWN) == 20


@pytest.mark.parametrize(
    "remittance",
    [
        OWN,
        IN_FOURS,
        OWN.lower(),
        f"deposit steel {IN_FOURS} thank you",
        f"ref:{OWN}, invoice 7",
        f"RF00{OWN[4:]} is wrong, {OWN} is right",
    ],
)
def test_a_reference_is_found_in_what_a_payer_typed(remittance: str) -> None:
    assert references_in([], [remittance]) == (OWN,)


@pytest.mark.parametrize("remittance", ["", "steel", OWN[:-1], f"X{OWN}", f"{OWN}9", "RF" * 400])
def test_no_reference_is_found_where_there_is_none(remittance: str) -> None:
    assert references_in([], [remittance]) == ()


def test_references_in_their_own_field_come_first_and_each_once() -> None:
    other = "RF18539007547034"

    assert references_in([other, "QT7K2M9P4", OWN], [OWN]) == (other, OWN)


@pytest.mark.parametrize(
    "iban",
    [
        "GB29 NWBK 6016 1331 9268 19",  # the registry's own examples
        "DE89370400440532013000",
        "FR1420041010050500013M02606",
        "MT84MALT011000012345MTLCAST001S",
        "NO9386011117947",
        "nl62mock0000000011",
    ],
)
def test_an_iban_is_known(iban: str) -> None:
    assert is_iban(iban)


@pytest.mark.parametrize(
    "iban",
    [
        "",
        "GB29NWBK60161331926818",  # a digit wrong
        "GB29NWBK6016133192681",  # too short
        "DE8937040044053201300012",  # longer than the country's
        "CN89370400440532013000",  # a country without IBANs
        "DE8937040044053201300é",
    ],
)
def test_what_is_no_iban_is_refused(iban: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_iban(iban, field="iban")

    assert (refused.value.code, refused.value.facts["field"]) == ("invalid_iban", "iban")


@given(st.sampled_from(sorted(IBAN_LENGTHS)), st.data())
def test_two_neighbours_changing_places_in_an_iban_are_noticed(country: str, data: st.DataObject) -> None:
    body = data.draw(st.text("0123456789", min_size=IBAN_LENGTHS[country] - 4, max_size=IBAN_LENGTHS[country] - 4))
    digits = next(f"{n:02d}" for n in range(2, 99) if is_iban(f"{country}{n:02d}{body}"))
    at = data.draw(st.integers(0, len(body) - 2))
    swapped = body[:at] + body[at + 1] + body[at] + body[at + 2 :]

    assert is_iban(f"{country}{digits}{swapped}") == (swapped == body)
