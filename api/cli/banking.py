"""`tallystick enquiries`, `financings` and `tasks`: a bank's own work, for its people and programs, at their node's API.

Each sign-in is one person or program: who prepares and who signs second are two of them, with credentials of their own.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Final, Literal

import typer

from api.cli.calling import CredentialsOption, NodeUrl, at_node
from api.cli.output import AsJson, print_json, print_table, say
from api.client import DeclarationAsked, DeclarationUsed, Money, Pledge, Receipt, Signed, Task
from api.client.models import Answer
from ledger.errors import InputError

enquiries_app = typer.Typer(help="enquiries about declarations, at a bank")
financings_app = typer.Typer(help="financings, at a bank")
tasks_app = typer.Typer(help="second signatures")

FinancingArgument = Annotated[str, typer.Argument(metavar="FINANCING")]
TaskArgument = Annotated[str, typer.Argument(metavar="TASK")]
ReferenceOption = Annotated[str, typer.Option("--reference", help="the bank's own")]
KeyOption = Annotated[str | None, typer.Option("--key", help="an idempotency key: the same command again is done once")]
StateOption = Annotated[str | None, typer.Option("--state", help="of this state only")]
_FINANCINGS: Final = ("id", "state", "exporter", "reference", "applied", "outstanding", "matures_on")
_LINES: Final = ("declaration", "number", "code", "amount", "left")


@enquiries_app.callback()
def _enquiries() -> None:
    """Enquiries about declarations, at a bank."""


@financings_app.callback()
def _financings() -> None:
    """Financings, at a bank."""


@tasks_app.callback()
def _tasks() -> None:
    """Second signatures."""


@enquiries_app.command("ask")
def ask(
    numbers: Annotated[list[str], typer.Argument(metavar="NUMBER...", help="declarations of one exporter")],
    url: NodeUrl,
    consent: Annotated[str, typer.Option("--consent", help="the exporter's consent")],
    uscc: Annotated[str, typer.Option("--uscc", help="the exporter")],
    amount: Annotated[str | None, typer.Option("--amount", help="as USD:36250.00, for a single declaration: whether it is so")] = None,
    key: KeyOption = None,
    credentials: CredentialsOption = None,
    as_json: AsJson = False,
) -> None:
    """Ask the authority about declarations, under an exporter's consent, and wait for the answer."""
    if amount is not None and len(numbers) > 1:
        raise InputError("usage", "an amount is asked of one declaration")
    asked = [DeclarationAsked(number, uscc, _money(amount)) for number in numbers]
    with at_node(url, credentials) as client:
        enquiry = client.enquiries.ask(consent, asked, idempotency_key=key)
    if as_json:
        return _print(enquiry)
    rows = [(each.number, each.result, each.declaration_id, each.status and each.status.available) for each in enquiry.lines]
    print_table(["number", "result", "declaration", "available"], rows)
    return say(f"enquiry {enquiry.id}: {enquiry.state}")


@enquiries_app.command("show")
def show_enquiry(
    enquiry_id: Annotated[str, typer.Argument(metavar="ENQUIRY")], url: NodeUrl, credentials: CredentialsOption = None
) -> None:
    """One enquiry as it stands, as JSON."""
    with at_node(url, credentials) as client:
        _print(client.enquiries.get(enquiry_id, wait_s=0))


@financings_app.command("list")
def list_financings(url: NodeUrl, state: StateOption = None, credentials: CredentialsOption = None, as_json: AsJson = False) -> None:
    """The newest first."""
    with at_node(url, credentials) as client:
        found = list(client.financings.list(state=state))
    if as_json:
        return print_json({"items": [each.model_dump(mode="json") for each in found]})
    rows = [
        (each.id, each.state, each.exporter.name, each.reference, each.totals["applied"], each.totals["outstanding"], each.matures_on)
        for each in found
    ]
    return print_table(_FINANCINGS, rows)


@financings_app.command("show")
def show_financing(financing: FinancingArgument, url: NodeUrl, credentials: CredentialsOption = None) -> None:
    """One financing as it stands, and what may be done with it next, as JSON."""
    with at_node(url, credentials) as client:
        _print(client.financings.get(financing))


@financings_app.command("apply")
def apply(
    lines: Annotated[list[str], typer.Argument(metavar="DECLARATION[=CURRENCY:AMOUNT]...", help="without an amount all that is left")],
    url: NodeUrl,
    product: Annotated[str, typer.Option("--product", help="the bank's own words")],
    reference: ReferenceOption,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would come of it, and write nothing")] = False,
    key: KeyOption = None,
    credentials: CredentialsOption = None,
    as_json: AsJson = False,
) -> None:
    """Hold shares of declarations that the bank was answered about."""
    wanted = [DeclarationUsed(name, _money(amount or None)) for name, _, amount in (line.partition("=") for line in lines)]
    with at_node(url, credentials) as client:
        if dry_run:
            outcome = client.financings.dry_run(wanted, product, reference)
        else:
            outcome = client.financings.apply(wanted, product, reference, idempotency_key=key)
    if as_json:
        return _print(outcome)
    print_table(_LINES, [(each.declaration_id, each.number, each.code, each.amount, each.left) for each in outcome.lines])
    return say(f"{outcome.code}: {'nothing was written' if outcome.id is None else f'financing {outcome.id}'}")


@financings_app.command("intake")
def intake(financing: FinancingArgument, url: NodeUrl, key: KeyOption = None, credentials: CredentialsOption = None) -> None:
    """Take an application in, whole."""
    with at_node(url, credentials) as client:
        _tell(client.financings.intake(financing, idempotency_key=key))


@financings_app.command("approve")
def approve(
    financing: FinancingArgument,
    url: NodeUrl,
    agreement: Annotated[str, typer.Option("--agreement", help="that secures the loan")],
    registration: Annotated[str, typer.Option("--registration", help="the number under which the pledge is registered")],
    registered: Annotated[datetime, typer.Option("--registered", formats=["%Y-%m-%dT%H:%M:%S%z"], help="when, as 2026-10-26T08:00:00Z")],
    key: KeyOption = None,
    credentials: CredentialsOption = None,
) -> None:
    """Prepare the approval, for a second person to sign."""
    with at_node(url, credentials) as client:
        _tell(client.financings.approve(financing, Pledge(agreement, registration, registered), idempotency_key=key))


@financings_app.command("disburse")
def disburse(
    financing: FinancingArgument,
    url: NodeUrl,
    paid: Annotated[str, typer.Option("--on", help="the day on which money left")],
    matures: Annotated[str, typer.Option("--matures", help="the day on which it is due")],
    reference: ReferenceOption,
    key: KeyOption = None,
    credentials: CredentialsOption = None,
) -> None:
    """Prepare the registration of a disbursement of all that is approved."""
    with at_node(url, credentials) as client:
        _tell(client.financings.disburse(financing, _day(paid), _day(matures), reference, idempotency_key=key))


@financings_app.command("repay")
def repay(
    financing: FinancingArgument,
    url: NodeUrl,
    paid: Annotated[str, typer.Option("--on", help="the day on which money came")],
    reference: ReferenceOption,
    total: Annotated[str | None, typer.Option("--amount", help="as USD:9000.00; all that is outstanding by default")] = None,
    key: KeyOption = None,
    credentials: CredentialsOption = None,
) -> None:
    """Prepare the registration of a repayment from the borrower's own funds."""
    with at_node(url, credentials) as client:
        _tell(client.financings.repay(financing, _day(paid), reference, _money(total), idempotency_key=key))


@financings_app.command("cancel")
def cancel(
    financing: FinancingArgument,
    url: NodeUrl,
    reason: Annotated[Literal["rejected", "withdrawn", "error"], typer.Option("--reason")],
    key: KeyOption = None,
    credentials: CredentialsOption = None,
) -> None:
    """Let a financing go; once approved, a second person signs that no money left."""
    with at_node(url, credentials) as client:
        _tell(client.financings.cancel(financing, reason, idempotency_key=key))


@tasks_app.command("list")
def list_tasks(url: NodeUrl, credentials: CredentialsOption = None, as_json: AsJson = False) -> None:
    """What waits for a second person, the newest first."""
    with at_node(url, credentials) as client:
        found = list(client.tasks.list(state="open"))
    if as_json:
        return print_json({"items": [each.model_dump(mode="json") for each in found]})
    return print_table(["id", "type", "prepared by", "expires"], [(each.id, each.type, each.author, each.expires) for each in found])


@tasks_app.command("sign")
def sign(task: TaskArgument, url: NodeUrl, key: KeyOption = None, credentials: CredentialsOption = None) -> None:
    """Sign second, and send the record."""
    with at_node(url, credentials) as client:
        _tell(client.tasks.sign(task, idempotency_key=key))


@tasks_app.command("decline")
def decline(
    task: TaskArgument,
    url: NodeUrl,
    reason: Annotated[str, typer.Option("--reason")],
    key: KeyOption = None,
    credentials: CredentialsOption = None,
) -> None:
    """End a task unsigned."""
    with at_node(url, credentials) as client:
        _tell(client.tasks.decline(task, reason, idempotency_key=key))


def _print(answer: Answer) -> None:
    print_json(answer.model_dump(mode="json"))


def _tell(answer: Receipt | Task | Signed) -> None:
    """What came of a step, in a line."""
    if isinstance(answer, Signed):
        done = answer.receipt or answer.task
        assert done is not None, "either is there"
        answer = done
    if isinstance(answer, Receipt):
        say(f"done: record {answer.record_id} at height {answer.height}")
    else:
        say(f"task {answer.id}: {answer.type}, {answer.state}")


def _money(text: str | None) -> Money | None:
    if text is None:
        return None
    currency, _, value = text.partition(":")
    try:
        return Money.of(currency, value)
    except ValueError as error:
        raise InputError("usage", f"`{text}` is no amount of money", hint="for instance USD:36250.00") from error


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError("usage", f"`{text}` is no day", hint="for instance 2026-10-27") from error
