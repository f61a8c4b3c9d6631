"""Money on the lines of a financing: what a person hands in, as movements of shares, with refusals in words that name what is left."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ledger.errors import InputError, Refused
from nodes.financings.amounts import LoanLine, Use, amount_of_share, drawn, kept, spread
from nodes.financings.views import Financing, FinancingLine
from nodes.money import Money, SignedMoney

Amounts = Sequence[Money | None]
Movement = Callable[[int | None, LoanLine], Use]


def loan_of(line: FinancingLine) -> LoanLine:
    """The line in shares and money. Raises `Refused` (`grant-unknown`)."""
    if line.loan is None:
        raise Refused("grant-unknown", f"the grant behind {line.number} is not in this node's database", hint="rebuild its tables")
    return line.loan


def loans_of(financing: Financing) -> list[LoanLine]:
    """Every line, as `loan_of`."""
    return [loan_of(line) for line in financing.lines]


def minor_units(financing: Financing, amounts: Sequence[Money | SignedMoney | None] | None) -> list[int | None]:
    """One amount for each line, in the financing's currency. Raises `InputError` (`bad-field`, `currency-differs`)."""
    if amounts is None:
        return [None] * len(financing.lines)
    if len(amounts) != len(financing.lines):
        raise InputError("bad-field", f"amounts: the financing has {len(financing.lines)} lines, and each needs its amount")
    if any(amount is not None and amount.currency != financing.currency for amount in amounts):
        raise InputError("currency-differs", f"the financing is in {financing.currency}")
    return [None if amount is None else amount.amount_minor for amount in amounts]


def repayment_amounts(
    financing: Financing, loans: Sequence[LoanLine], amounts: Amounts | Money | None, *, recovering: bool = False
) -> list[int | None]:
    """What is repaid on each line: amounts by line, or one total; `recovering` counts what was written off where nothing else is owed.

    Raises `Refused` (`exceeds-drawn`) and as `minor_units`.
    """
    if not isinstance(amounts, Money):
        return minor_units(financing, amounts)
    if amounts.currency != financing.currency:
        raise InputError("currency-differs", f"the financing is in {financing.currency}")
    owed = [loan.outstanding_minor or (loan.lost_minor if recovering else 0) for loan in loans]
    if amounts.amount_minor > sum(owed):
        outstanding = Money(financing.currency, sum(owed))
        raise Refused("exceeds-drawn", f"{amounts} is more than is outstanding: {outstanding}")
    return list(spread(amounts.amount_minor, owed))


def kept_shares(financing: Financing, keep: Amounts | None) -> tuple[list[int] | None, list[int]]:
    """What each line keeps, as the body says it (None: all as they are) and in money."""
    wanted = minor_units(financing, keep)
    uses = []
    for line, amount_minor in zip(financing.lines, wanted, strict=True):
        try:
            uses.append(kept(amount_minor, line.held, line.applied.amount_minor, loan_of(line).registered_minor))
        except Refused as error:
            held = min(line.applied.amount_minor, amount_of_share(line.held, loan_of(line).registered_minor))
            message = f"{line.number} holds {Money(financing.currency, held)}, and more is to be kept"
            raise Refused(error.code, message) from error
    return None if keep is None else [use.share for use in uses], [use.amount_minor for use in uses]


def moved(financing: Financing, place: int, amount_minor: int | None, loan: LoanLine, rule: Movement) -> Use:
    """A movement on one line; a refusal says what is left on it."""
    try:
        return rule(amount_minor, loan)
    except Refused as error:
        number = financing.lines[place].number
        wanted = Money(financing.currency, amount_minor or 0)
        left = Money(financing.currency, loan.undrawn_minor if rule is drawn else loan.outstanding_minor)
        what = "is left to disburse" if rule is drawn else "is outstanding"
        raise Refused(error.code, f"{wanted} on {number} is more than {what}: {left}") from error


def too_small(financing: Financing, loans: Sequence[LoanLine], paid: Sequence[int]) -> InputError | Refused:
    """Why a repayment that frees no share cannot be recorded."""
    if not any(paid):
        return Refused("exceeds-drawn", "nothing is outstanding that could be repaid")
    step = Money(financing.currency, min(-(-loan.registered_minor // 1000) for loan, amount in zip(loans, paid, strict=True) if amount))
    message = f"a repayment of less than a thousandth of the declaration frees nothing: {step} is the least"
    return InputError("amount-too-small", message, hint="record it together with the next repayment")
