"""A statement as an ISO 20022 message, camt.053.001.08 (BankToCustomerStatement).

Identifiers are UUIDs without hyphens, as the message allows at most 35 characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import ClassVar, Final
from xml.sax.saxutils import escape

from tekana.application.text_files import time_text
from tekana.domain.money import format_minor
from tekana.domain.transaction import PostedEntry
from tekana.ports.statement_form import StatementHeading
from tekana.ports.wallets import StatementSummary

NAMESPACE: Final = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"

_ISSUER: Final = "tekana"
_NAME_LENGTH_MAX: Final = 140
_LINE_LENGTH_MAX: Final = 140
_REFERENCE_LENGTH_MAX: Final = 35
_NOT_IN_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class CamtStatement:
    """Implements tekana.ports.statement_form.StatementForm."""

    MEDIA_TYPE: ClassVar[str] = "application/xml"
    FILE_TYPE: ClassVar[str] = "xml"
    NAMES_CUSTOMER: ClassVar[bool] = True

    def __init__(self, heading: StatementHeading) -> None:
        self._summary = heading.summary
        self._name = heading.customer_name

    def begin(self) -> bytes:
        one = self._summary
        id_, created = _statement_id(one), time_text(one.created_at)
        owner = f"<Ownr><Nm>{_text(self._name[:_NAME_LENGTH_MAX])}</Nm></Ownr>" if self._name else ""
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<Document xmlns="{NAMESPACE}"><BkToCstmrStmt>\n'
            f"<GrpHdr><MsgId>{id_}</MsgId><CreDtTm>{created}</CreDtTm></GrpHdr>\n"
            f"<Stmt><Id>{id_}</Id><CreDtTm>{created}</CreDtTm>"
            f"<FrToDt><FrDtTm>{time_text(one.start)}</FrDtTm><ToDtTm>{time_text(one.end)}</ToDtTm></FrToDt>\n"
            f"<Acct><Id><Othr><Id>{one.wallet_id.hex}</Id></Othr></Id><Ccy>{one.currency}</Ccy>{owner}</Acct>\n"
            f"{self._balance('OPBD', one.opening_balance, time_text(one.start))}\n"
            f"{self._balance('CLBD', one.closing_balance, time_text(one.end))}\n"
            f"<TxsSummry>{self._total('TtlCdtNtries', one.credit_count, one.total_credits)}"
            f"{self._total('TtlDbtNtries', one.debit_count, one.total_debits)}</TxsSummry>\n"
        ).encode()

    def write(self, entries: Sequence[PostedEntry]) -> bytes:
        return "".join(map(self._entry, entries)).encode()

    def end(self) -> bytes:
        return b"</Stmt>\n</BkToCstmrStmt></Document>\n"

    def _entry(self, line: PostedEntry) -> str:
        entry, id_ = line.entry, line.transaction_id.hex
        return (
            f"<Ntry><NtryRef>{entry.version}</NtryRef>{self._amount(entry.amount_minor)}"
            f"<Sts><Cd>BOOK</Cd></Sts><BookgDt><DtTm>{time_text(line.posted_at)}</DtTm></BookgDt>"
            f"<AcctSvcrRef>{id_}</AcctSvcrRef>"
            f"<BkTxCd><Prtry><Cd>{_text(line.type)}</Cd><Issr>{_ISSUER}</Issr></Prtry></BkTxCd>"
            f"<NtryDtls><TxDtls><Refs><AcctSvcrRef>{id_}</AcctSvcrRef>{_end_to_end(line.reference)}</Refs>"
            f"{self._amount(entry.amount_minor)}{_remittance(line)}</TxDtls></NtryDtls></Ntry>\n"
        )

    def _balance(self, code: str, minor: int, moment: str) -> str:
        return (
            f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>{self._amount(minor)}"
            f"<Dt><DtTm>{moment}</DtTm></Dt></Bal>"
        )

    def _amount(self, minor: int) -> str:
        """Return an amount, which has no sign, with the indicator that is its sign."""
        major, indicator = self._major(abs(minor)), "DBIT" if minor < 0 else "CRDT"
        return f'<Amt Ccy="{self._summary.currency}">{major}</Amt><CdtDbtInd>{indicator}</CdtDbtInd>'

    def _total(self, name: str, count: int, minor: int) -> str:
        return f"<{name}><NbOfNtries>{count}</NbOfNtries><Sum>{self._major(minor)}</Sum></{name}>"

    def _major(self, minor: int) -> str:
        return format_minor(minor, self._summary.currency)


def _statement_id(one: StatementSummary) -> str:
    """Return an identifier: the same for the same entries and period."""
    content = one.wallet_id, one.opening_version, one.closing_version, time_text(one.start), time_text(one.end)
    return blake2b(" ".join(map(str, content)).encode(), digest_size=16).hexdigest()


def _end_to_end(reference: str | None) -> str:
    if reference is None or len(reference) > _REFERENCE_LENGTH_MAX:
        return ""
    return f"<EndToEndId>{_text(reference)}</EndToEndId>"


def _remittance(line: PostedEntry) -> str:
    lines = "".join(f"<Ustrd>{_text(one)}</Ustrd>" for one in _remittance_lines(line))
    return f"<RmtInf>{lines}</RmtInf>" if lines else ""


def _remittance_lines(line: PostedEntry) -> Iterator[str]:
    """Yield the description, and a reference that is too long for its own element, in lines of the allowed length."""
    texts = [line.description or ""]
    if line.reference is not None and len(line.reference) > _REFERENCE_LENGTH_MAX:
        texts.append(line.reference)
    for text in texts:
        yield from (text[start : start + _LINE_LENGTH_MAX] for start in range(0, len(text), _LINE_LENGTH_MAX))


def _text(text: str) -> str:
    """Return text as XML. Characters that no XML document can have are replaced."""
    return escape(_NOT_IN_XML.sub("\ufffd", text))
