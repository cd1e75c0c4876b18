"""What a camt message says once: an element that the schema allows once, stands twice, and is read, is not guessed at.

Other deviations from the schema are read where their meaning is plain. Which of two amounts is meant is not.
"""

from __future__ import annotations

from chalicelib.messages.xml import Node

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
}
"""Of each element, those inside it that are read and stand once."""


def standing_twice(node: Node) -> str:
    """The path of the first element that stands twice and may not, from this one on; empty where there is none."""
    for name in sorted(ONCE.get(node.name, ())):
        found = node.children.get(name, ())
        if len(found) > 1:
            return f"{node.name}/{name}"
        for child in found:
            if inside := standing_twice(child):
                return f"{node.name}/{inside}"
    return ""
