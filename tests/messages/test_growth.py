"""Hostile messages of every kind: twice the bytes cost at most some twice the work, whatever they are made of."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import cycle

import pytest

from chalicelib.messages import detect
from tests.messages.build import ACCOUNT, balance, entry, message, statement
from tests.support.growth import MOST_RATIO, ratio

Make = Callable[[int], bytes]

CAMT = {"BkToCstmrStmt": "Stmt", "BkToCstmrAcctRpt": "Rpt", "BkToCstmrDbtCdtNtfctn": "Ntfctn"}

WITHOUT_CURRENCY = "<Ntry><Amt>1.00</Amt><CdtDbtInd>CRDT</CdtDbtInd></Ntry>"
DETAIL = "<NtryDtls><TxDtls/></NtryDtls>"
PAYMENT = "<TxInfAndSts><OrgnlEndToEndId>E</OrgnlEndToEndId></TxInfAndSts>"
RETURN = "<TxInf><RtrdIntrBkSttlmAmt Ccy='EUR'>1.00</RtrdIntrBkSttlmAmt></TxInf>"

INSIDE_A_STATEMENT: dict[str, Callable[[int], str]] = {
    "entries": lambda n: entry() * n,
    "entries without currency, behind what nobody reads": lambda n: "<X/>" * n + WITHOUT_CURRENCY * n,
    "entries without currency, between what nobody reads": lambda n: ("<X/>" + WITHOUT_CURRENCY) * n,
    "empty details before the direction": lambda n: f"<Ntry><Amt Ccy='EUR'>1</Amt>{DETAIL * n}</Ntry>",
    "many details in one": lambda n: f"<Ntry><NtryDtls>{'<TxDtls/>' * n}</NtryDtls></Ntry>",
    "details behind what nobody reads": lambda n: f"<Ntry>{'<X/>' * n}<NtryDtls>{'<TxDtls/>' * n}</NtryDtls></Ntry>",
    "entries in entries": lambda n: ("<Ntry>" * 40 + "</Ntry>" * 40) * (n // 40),
    "references in one": lambda n: entry(
        details=f"<TxDtls><RmtInf><Strd><CdtrRefInf>{'<Ref>RF18</Ref>' * n}</CdtrRefInf></Strd></RmtInf></TxDtls>"
    ),
    "details in details": lambda n: f"<Ntry><NtryDtls>{'<TxDtls><TxDtls/></TxDtls>' * n}</NtryDtls></Ntry>",
    "balances in an entry": lambda n: f"<Ntry>{balance() * n}</Ntry>",
    "charges": lambda n: entry(details=f"<TxDtls>{'<Chrgs><Rcrd/></Chrgs>' * n}</TxDtls>"),
    "lines of remittance": lambda n: entry(
        details=f"<TxDtls><RmtInf>{'<Ustrd>RF18 5390 0754</Ustrd>' * n}</RmtInf></TxDtls>"
    ),
    "structured remittance": lambda n: entry(
        details="<TxDtls><RmtInf>" + "<Strd><CdtrRefInf><Ref>RF18</Ref></CdtrRefInf></Strd>" * n + "</RmtInf></TxDtls>"
    ),
    "counts of batches": lambda n: f"<Ntry>{'<NtryDtls><Btch><NbOfTxs>1</NbOfTxs></Btch></NtryDtls>' * n}</Ntry>",
    "balances": lambda n: balance() * n,
    "amounts": lambda n: f"<Ntry>{'<Amt>1</Amt>' * n}</Ntry>",
    "attributes": lambda n: "<Ntry " + " ".join(f"a{i}='1'" for i in range(n)) + "/>",
    "attributes of many elements": lambda n: "<Ntry a='1' b='2' c='3'/>" * n,
    "namespaces": lambda n: (
        "<Ntry " + " ".join(f"xmlns:a{i}='u{i}'" for i in range(n)) + ">" + "<TxDtls/>" * n + "</Ntry>"
    ),
    "a namespace each": lambda n: "".join(f'<a:Ntry xmlns:a="u{i}"/>' for i in range(n)),
    "elements in a long namespace": lambda n: f"<Ntry xmlns='{'u' * n}'>{'<TxDtls/>' * n}</Ntry>",
    "names": lambda n: "".join(f"<n{i}/>" for i in range(n)),
    "a long name": lambda n: f"<{'n' * n}/>",
    "a long amount": lambda n: f"<Ntry><Amt Ccy='EUR'>{'1' * n}</Amt></Ntry>",
    "comments": lambda n: f"<Ntry><Amt Ccy='EUR'>{'1<!-- -->' * n}</Amt></Ntry>",
    "instructions": lambda n: f"<Ntry><Amt Ccy='EUR'>{'1<?a b?>' * n}</Amt></Ntry>",
    "pieces of character data": lambda n: f"<Ntry><Amt Ccy='EUR'>{'<![CDATA[1]]>' * n}</Amt></Ntry>",
    "character references": lambda n: f"<Ntry><Amt Ccy='EUR'>{'&#49;' * n}</Amt></Ntry>",
    "ends that are missing": lambda n: "<X>" * n,
}


def in_a_statement(container: str, inside: Callable[[int], str]) -> Make:
    wrapper = CAMT[container]
    return lambda n: message(statement(inside(n), wrapper=wrapper), container=container)


def report(group: str, *parts: str) -> bytes:
    head = f"<OrgnlGrpInfAndSts><OrgnlMsgId>M</OrgnlMsgId>{group}</OrgnlGrpInfAndSts>"
    return f"<Document><CstmrPmtStsRpt>{head}{''.join(parts)}</CstmrPmtStsRpt></Document>".encode()


def returned(*parts: str) -> bytes:
    return f"<Document><PmtRtr><GrpHdr/>{''.join(parts)}</PmtRtr></Document>".encode()


def batch(inside: str) -> str:
    return f"<OrgnlPmtInfAndSts>{inside}</OrgnlPmtInfAndSts>"


def notification(entries: str = "", more: str = "") -> bytes:
    return (
        '{"type": "notification", "message_id": "N", "created_at": "2026-03-02T09:00:00Z",'
        f' "account": {{"iban": "X", "currency": "CNY"}}, "entries": [{entries}]{more}}}'
    ).encode()


def movement(**fields: object) -> str:
    usual = {"direction": "credit", "amount_minor": 1, "currency": "CNY", "status": "booked"}
    return json.dumps(usual | {"bank_reference": "R", "booked_on": "2026-03-02"} | fields)


MESSAGES: dict[str, Make] = {
    "statements": lambda n: message(statement() * n),
    "statements without a currency": lambda n: message(statement(account="<Acct/>") * n),
    "headers": lambda n: message("<GrpHdr><MsgId>M</MsgId></GrpHdr>" * n, statement()),
    "what nobody reads before the message": lambda n: b"<a>" + b"<b/>" * n + message(statement()) + b"</a>",
    "accounts": lambda n: message(statement(ACCOUNT * n)),
    "entries without a currency, and the account behind what nobody reads": lambda n: message(
        statement("<X/>" * n, ACCOUNT, WITHOUT_CURRENCY * n, account="")
    ),
    "an account of much, and entries without a currency": lambda n: message(
        statement(WITHOUT_CURRENCY * n, account=f"<Acct>{'<X/>' * n}</Acct>")
    ),
    "statuses": lambda n: report("", batch(PAYMENT * n)),
    "statuses behind what nobody reads": lambda n: report("", batch("<X/>" * n + PAYMENT * n)),
    "statuses between what nobody reads": lambda n: report("", batch(("<X/>" + PAYMENT) * n)),
    "batches": lambda n: report("", batch("<OrgnlPmtInfId>B</OrgnlPmtInfId>") * n),
    "lines of a reason": lambda n: report(f"<StsRsnInf>{'<AddtlInf>a</AddtlInf>' * n}</StsRsnInf>"),
    "reasons": lambda n: report("<StsRsnInf/>" * n),
    "returns": lambda n: returned(RETURN * n),
    "returns behind what nobody reads": lambda n: returned("<X/>" * n, RETURN * n),
    "returns with a group of much": lambda n: returned(f"<OrgnlGrpInf>{'<X/>' * n}</OrgnlGrpInf>", RETURN * n),
    "movements": lambda n: notification(",".join([movement()] * n)),
    "the last name twice": lambda n: ("{" + "".join(f'"{i}":0,' for i in range(n)) + f'"{n - 1}":0' + "}").encode(),
    "unknown names": lambda n: notification(movement(), "".join(f',"{i}":0' for i in range(n))),
    "unknown names of a movement": lambda n: notification(movement(**{f"x{i}": 0 for i in range(n)})),
    "depth": lambda n: b"[" * n,
    "depth of objects": lambda n: b'{"a":' * n,
    "a long list": lambda n: notification(",".join(["0"] * n)),
    "a long number": lambda n: notification(movement().replace(": 1,", f": {'9' * n},")),
    "long numbers": lambda n: notification(",".join(["9" * 4000] * (n // 100))),
    "a long text": lambda n: notification(movement(reference="a" * n)),
    "escapes": lambda n: notification(movement().replace('"R"', '"' + "\\u00e9" * n + '"')),
    "a long name of a field": lambda n: notification(movement(**{"a" * n: 0})),
    "lines": lambda n: notification(movement(remittance=["RF18 5390 0754"] * n)),
    "payments": lambda n: (
        '{"type": "status", "message_id": "S", "created_at": "2026-03-02T09:00:00Z", "original_message_id": "P",'
        ' "payments": [' + ",".join(['{"end_to_end_id": "E", "status": "RJCT"}'] * n) + "]}"
    ).encode(),
}


@pytest.mark.parametrize(("inside", "container"), list(zip(INSIDE_A_STATEMENT, cycle(CAMT))))
def test_twice_as_much_in_a_statement_is_at_most_some_twice_the_work(inside: str, container: str) -> None:
    assert ratio(in_a_statement(container, INSIDE_A_STATEMENT[inside]), detect.read) <= MOST_RATIO


@pytest.mark.parametrize("name", MESSAGES)
def test_twice_as_large_a_message_is_at_most_some_twice_the_work(name: str) -> None:
    assert ratio(MESSAGES[name], detect.read) <= MOST_RATIO
