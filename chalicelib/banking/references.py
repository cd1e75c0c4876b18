"""References and account numbers that carry check digits: ISO 11649 creditor references, ISO 13616 IBANs.

Both prove themselves by ISO 7064 MOD 97-10: letters become numbers from 10, and the whole leaves 1 over 97.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from types import MappingProxyType

from chalicelib.core.errors import Defect, InvalidInput
from chalicelib.core.ids import derived_id

MOST_REFERENCE = 21
OWN_LENGTH = 16
_REFERENCE = re.compile(r"RF[0-9]{2}[0-9A-Z]{1,21}", re.ASCII)
# Where people type: our own length alone, so that the words around it are not taken for a part of it.
_OWN_IN_TEXT = re.compile(r"(?<![0-9A-Z])RF(?:[ -]?[0-9]){2}(?:[ -]?[0-9A-Z]){16}(?![0-9A-Z])", re.ASCII)
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[0-9A-Z]{11,30}", re.ASCII)

# Source: the IBAN registry that SWIFT keeps for ISO 13616-2.
_LENGTHS = """
AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18
FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20
LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24
SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30
"""
IBAN_LENGTHS = MappingProxyType({entry[:2]: int(entry[2:]) for entry in _LENGTHS.split()})


def creditor_reference(text: str) -> str:
    """The ISO 11649 reference of 1 to 21 letters and digits: `539007547034` gives `RF18539007547034`."""
    body = compact(text)
    if not 1 <= len(body) <= MOST_REFERENCE or not (body.isascii() and body.isalnum()):
        raise Defect("a creditor reference is made of 1 to 21 letters and digits")
    return f"RF{98 - _remainder(body + 'RF00'):02d}{body}"


def reference_for(tenant: str, subject_id: str) -> str:
    """The reference a payer quotes for a trade, a lender or a credit line: 20 characters that follow from its id."""
    return creditor_reference(derived_id("ref", tenant, subject_id).partition("_")[2][:OWN_LENGTH])


def is_creditor_reference(text: str) -> bool:
    """Whether a text, once compact, is an ISO 11649 reference with the right check digits."""
    body = compact(text)
    return _REFERENCE.fullmatch(body) is not None and _remainder(body[4:] + body[:4]) == 1


def references_in(structured: Iterable[str], remittance: Iterable[str]) -> tuple[str, ...]:
    """The valid references a payer gave, each once: those in their own field first, then those found in free text.

    In free text only references of our own length are looked for; spaces and hyphens inside are allowed, as people
    copy them in groups of four.
    """
    candidates = [compact(text) for text in structured]
    for text in remittance:
        candidates += [compact(found) for found in _OWN_IN_TEXT.findall(text.upper())]
    return tuple(dict.fromkeys(text for text in candidates if is_creditor_reference(text)))


def is_iban(text: str) -> bool:
    """Whether a text, once compact, is an IBAN of a country that has them, with its length and check digits right."""
    iban = compact(text)
    known = _IBAN.fullmatch(iban) is not None and IBAN_LENGTHS.get(iban[:2]) == len(iban)
    return known and _remainder(iban[4:] + iban[:4]) == 1


def check_iban(text: str, *, field: str) -> str:
    """The IBAN, compact. Raises InvalidInput `invalid_iban` where it is none."""
    if not is_iban(text):
        raise InvalidInput("invalid_iban", "no IBAN: its country, length or check digits are wrong", field=field)
    return compact(text)


def compact(text: str) -> str:
    """The text in upper case without spaces and hyphens."""
    return text.upper().replace(" ", "").replace("-", "")


def _remainder(text: str) -> int:
    return int("".join(str(int(character, 36)) for character in text)) % 97
