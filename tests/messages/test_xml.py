"""Hostile and broken XML: refused by a code, without repeating what it holds."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

import pytest

from chalicelib.messages import detect, xml
from chalicelib.messages.errors import MessageUnreadable
from tests.messages.build import entry, message, read_report, statement

SECRET = "account-6222-of-the-buyer"
DOCUMENT = "<Document><BkToCstmrStmt>{}</BkToCstmrStmt></Document>"


def refusal_of(body: bytes) -> MessageUnreadable:
    with pytest.raises(MessageUnreadable) as refusal:
        detect.read(body)
    return refusal.value


def bomb() -> bytes:
    names = "abcdefghij"
    entities = '<!ENTITY a "lol">' + "".join(
        f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in pairwise(names)
    )
    return f"<!DOCTYPE Document [{entities}]>{DOCUMENT.format('&j;')}".encode()


@pytest.mark.parametrize(
    "body",
    [
        bomb(),
        bomb().decode().encode("utf-16"),
        b'<!DOCTYPE Document SYSTEM "http://127.0.0.1:9/evil.dtd"><Document/>',
        b'<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><Document>&x;</Document>',
        b"<!DOCTYPE Document><Document><BkToCstmrStmt/></Document>",
    ],
    ids=["bomb", "bomb in utf-16", "external dtd", "external entity", "empty doctype"],
)
def test_a_document_type_or_entity_is_forbidden(body: bytes) -> None:
    assert refusal_of(body).code == "forbidden_xml"


@pytest.mark.parametrize("encoding", ["UTF-7", "UCS-4", "EBCDIC-CP-US", "SHIFT_JIS"])
def test_an_encoding_no_bank_uses_is_forbidden(encoding: str) -> None:
    body = f"<?xml version='1.0' encoding='{encoding}'?>" + DOCUMENT.format("")

    assert refusal_of(body.encode()).code == "forbidden_xml"


def test_a_document_type_hidden_by_another_encoding_is_refused() -> None:
    hidden = "<?xml version='1.0' encoding='cp037'?>" + bomb().decode()

    assert refusal_of(hidden.encode("cp037")).code == "malformed_xml"


def test_chinese_banks_may_write_gb18030() -> None:
    owner = "<Acct><Id><Othr><Id>1</Id></Othr></Id><Ccy>CNY</Ccy><Ownr><Nm>钢厂</Nm></Ownr></Acct>"
    body = "<?xml version='1.0' encoding='GB18030'?>" + message(statement(account=owner)).decode()

    assert read_report(body.encode("gb18030")).statements[0].account.owner == "钢厂"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "windows-1252"])
def test_the_encodings_banks_use_are_read(encoding: str) -> None:
    owner = "<Acct><Id><Othr><Id>1</Id></Othr></Id><Ccy>EUR</Ccy><Ownr><Nm>Müller</Nm></Ownr></Acct>"
    text = message(statement(entry(), account=owner)).decode()
    body = f"<?xml version='1.0' encoding='{encoding}'?>{text}".encode(encoding)

    assert read_report(body).statements[0].account.owner == "Müller"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"not xml",
        f"<Document><BkToCstmrStmt>{SECRET}</Document>".encode(),
        message(statement(entry()))[:-30],
        message(statement(entry())) + b"<More/>",
        message(statement(entry(amount=f"<{SECRET}"))),
        b"\xff\xfe\x00",
    ],
    ids=["empty", "blank", "text", "mismatch", "cut", "two roots", "broken tag", "half utf-16"],
)
def test_malformed_xml_is_refused_without_an_echo(body: bytes) -> None:
    refusal = refusal_of(body)

    assert refusal.code == "malformed_xml"
    assert SECRET not in repr(refusal) + str(refusal)
    assert refusal.__cause__ is None
    assert refusal.__suppress_context__ or refusal.__context__ is None


@pytest.mark.parametrize("levels", [70, 300])
def test_a_document_nested_too_deep_is_refused(levels: int) -> None:
    deep = "<x>" * levels + "</x>" * levels

    assert refusal_of(message(statement(deep))).code == "nested_too_deep"


@pytest.mark.parametrize(
    ("inside", "rule"),
    [
        ("<x/>" * 500_001, "elements"),
        ("<x " + " ".join(f"a{i}=''" for i in range(65)) + "/>", "attributes of an element"),
        (f"<Ntry><AddtlNtryInf>{'x' * 16_001}</AddtlNtryInf></Ntry>", "characters of a text"),
        ("<Ntry><Amt Ccy='EUR'>1</Amt><CdtDbtInd>CRDT</CdtDbtInd></Ntry>" * 50_001, "entries"),
        (f"<Ntry><NtryDtls>{'<TxDtls/>' * 100_001}</NtryDtls></Ntry>", "details"),
    ],
    ids=["elements", "attributes", "characters", "entries", "details"],
)
def test_more_than_a_message_may_have_is_refused_by_the_rule(inside: str, rule: str) -> None:
    refusal = refusal_of(message(statement(inside)))

    assert (refusal.code, refusal.facts["rule"]) == ("message_too_large", rule)


def test_a_reader_stops_when_its_watch_says_so() -> None:
    looks = 0

    def watch() -> None:
        nonlocal looks
        looks += 1
        raise MessageUnreadable("message_took_too_long", "too long")

    with pytest.raises(MessageUnreadable, match="too long"):
        detect.read(message(statement(entry() * 1_000)), watch)
    assert looks == 1


def test_a_text_too_long_is_refused() -> None:
    body = message(statement(f"<Ntry><AddtlNtryInf>{'x' * 10_000_001}</AddtlNtryInf></Ntry>"))

    assert refusal_of(body).code == "malformed_xml"


def test_a_message_of_too_many_bytes_is_refused_unparsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml, "MAX_BYTES", 100)

    assert refusal_of(message(statement(entry()))).code == "message_too_large"


def test_comments_instructions_and_cdata_do_not_disturb() -> None:
    noisy = entry(amount="<!-- ten --><![CDATA[10]]>.<!-- and -->00<?note x?>")

    assert read_report(message(statement(noisy))).statements[0].entries[0].amount_minor == 1000


def test_ten_thousand_details_are_read_in_little_memory() -> None:
    many = entry(amount="10000.00", details="<TxDtls><Refs><EndToEndId>E</EndToEndId></Refs></TxDtls>" * 10_000)
    body = message(statement(many))
    tracemalloc.start()

    count = sum(1 for node, _ in xml.stream(body, frozenset({"TxDtls"})) if node.children)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (count, peak < 8 * len(body)) == (10_000, True)


def test_an_outer_element_answers_for_what_came_before() -> None:
    body = b"<a xmlns='urn:x'><b>1</b><c><d/></c></a>"

    ((_, outer),) = xml.stream(body, frozenset({"d"}))

    assert (outer.name, outer.outer.name, outer.outer.text("b"), outer.outer.text("c", "none")) == ("c", "a", "1", "")
    assert (outer.outer.outer.name, outer.outer.outer.text("b")) == ("", "")


@pytest.mark.parametrize("place", ["<Document xmlns='{}'/>", "<Document><a:X xmlns:a='{}'/></Document>"])
def test_a_namespace_of_no_standards_length_is_refused(place: str) -> None:
    assert list(xml.stream(place.format("u" * xml.MAX_NAMESPACE).encode(), frozenset())) == []

    with pytest.raises(MessageUnreadable):
        list(xml.stream(place.format("u" * (xml.MAX_NAMESPACE + 1)).encode(), frozenset()))
