"""What a bank's XML message says once: an element that the schema allows once, stands twice, and is read, is not
guessed at; nor are two elements of which the schema allows one, where they say different things.

Other deviations from the schema are read where their meaning is plain. Which of two amounts is meant is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chalicelib.messages.values import day
from chalicelib.messages.xml import Node, children, find, text

_PARTY = frozenset({"Nm", "Pty"})
_ACCOUNT = frozenset({"Id", "Ccy", "Ownr"})
_DATE = frozenset({"Dt", "DtTm"})
_CODE = frozenset({"Cd", "Prtry"})
_STATEMENT = frozenset({"Id", "ElctrncSeqNb", "LglSeqNb", "CreDtTm", "FrToDt", "Acct", "TxsSummry"})
ONCE: dict[str, frozenset[str]] = {
    "GrpHdr": frozenset({"MsgId", "CreDtTm"}),
    "Stmt": _STATEMENT,
    "Rpt": _STATEMENT,
    "Ntfctn": _STATEMENT,
    "FrToDt": frozenset({"FrDtTm", "ToDtTm"}),
    "Acct": _ACCOUNT,
    "Id": frozenset({"IBAN", "Othr"}),
    "Othr": frozenset({"Id"}),
    "Bal": frozenset({"Tp", "Amt", "CdtDbtInd", "Dt"}),
    "Tp": frozenset({"CdOrPrtry"}),
    "CdOrPrtry": _CODE,
    "Dt": _DATE,
    "Ntry": frozenset({"NtryRef", "Amt", "CdtDbtInd", "RvslInd", "Sts", "BookgDt", "ValDt", "AcctSvcrRef"}),
    "Sts": _CODE,
    "BookgDt": _DATE,
    "ValDt": _DATE,
    "TxDtls": frozenset({"Refs", "Amt", "AmtDtls", "CdtDbtInd", "RltdPties", "RmtInf", "RtrInf"}),
    "Refs": frozenset({"MsgId", "AcctSvcrRef", "InstrId", "EndToEndId", "UETR", "TxId"}),
    "AmtDtls": frozenset({"TxAmt"}),
    "TxAmt": frozenset({"Amt"}),
    "RltdPties": frozenset({"Dbtr", "DbtrAcct", "Cdtr", "CdtrAcct"}),
    "Dbtr": _PARTY,
    "Cdtr": _PARTY,
    "Pty": _PARTY,
    "DbtrAcct": _ACCOUNT,
    "CdtrAcct": _ACCOUNT,
    "RtrInf": frozenset({"Rsn"}),
    "Rsn": _CODE,
    "Strd": frozenset({"CdtrRefInf"}),
    "CdtrRefInf": frozenset({"Ref", "CdtrRef"}),
    "Chrgs": frozenset({"TtlChrgsAndTaxAmt"}),
    "OrgnlGrpInfAndSts": frozenset({"OrgnlMsgId", "GrpSts"}),
    "OrgnlPmtInfAndSts": frozenset({"OrgnlPmtInfId", "PmtInfSts"}),
    "TxInfAndSts": frozenset({"OrgnlEndToEndId", "OrgnlInstrId", "TxSts"}),
    "StsRsnInf": frozenset({"Rsn"}),
    "TxInf": frozenset(
        {"RtrId", "OrgnlGrpInf", "OrgnlEndToEndId", "OrgnlInstrId", "RtrdIntrBkSttlmAmt", "IntrBkSttlmDt"}
    ),
    "OrgnlGrpInf": frozenset({"OrgnlMsgId"}),
    "RtrRsnInf": frozenset({"Rsn"}),
}
"""Of each element, those inside it that are read and stand once."""

MANY: dict[str, tuple[str, ...]] = {
    "TxDtls": ("Chrgs",),
    "Ntry": ("Chrgs",),
    "RmtInf": ("Strd",),
    "TxInfAndSts": ("StsRsnInf",),
    "OrgnlPmtInfAndSts": ("StsRsnInf",),
    "OrgnlGrpInfAndSts": ("StsRsnInf",),
    "TxInf": ("RtrRsnInf",),
}
"""Of each element, those inside it that may stand more than once, and say each thing once."""

_DAYS = ("BookgDt", "ValDt", "Dt")
_CODED = ("Sts", "Rsn", "CdOrPrtry")


def standing_twice(node: Node) -> str:
    """The path of the first element that stands twice and may not, or beside another that says something else, from
    this one on; empty where there is none."""
    if beside := _beside(node):
        return f"{node.name}/{beside}"
    for name in sorted(ONCE.get(node.name, ())):
        found = node.children.get(name, ())
        if len(found) > 1:
            return f"{node.name}/{name}"
        if inside := _inside(node, found):
            return inside
    return next(filter(None, (_inside(node, children(node, name)) for name in MANY.get(node.name, ()))), "")


def _inside(node: Node, found: Sequence[Node]) -> str:
    for child in found:
        if inside := standing_twice(child):
            return f"{node.name}/{inside}"
    return ""


def _beside(node: Node) -> str:
    """The name of an element beside one that says something else, of which a choice has one."""
    if node.name in _DAYS:
        stated = {each: day(written) for each in ("", *sorted(_DATE)) if (written := _written(node, each))}
        return _differing(stated)
    if node.name in _CODED:
        return _differing({each: written for each in ("", "Cd", "Prtry") if (written := _written(node, each))})
    if node.name == "Id" and (iban := _plain(text(node, "IBAN"))) and (other := _plain(text(node, "Othr", "Id"))):
        return "" if iban.endswith(other) or "*" in other else "Othr"
    if node.name == "CdtrRefInf":
        return _differing({each: written for each in ("CdtrRef", "Ref") if (written := text(node, each))})
    return ""


def _written(node: Node, name: str) -> str:
    """The text of an element inside a node; of no name, the node's own."""
    if not name:
        return node.text
    found = find(node, name)
    return found.text if found is not None else ""


def _differing(stated: Mapping[str, object]) -> str:
    return max(stated) if len(set(stated.values())) > 1 else ""


def _plain(number: str) -> str:
    return "".join(filter(str.isalnum, number)).upper()
