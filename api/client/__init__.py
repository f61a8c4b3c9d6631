"""A typed client of a node's HTTP API, blocking (`Client`) and awaiting (`AsyncClient`): see docs/client.md.

    with Client("https://node.bank.example", ClientSecret.from_environment()) as bank:
        enquiry = bank.enquiries.ask(consent_id, [DeclarationAsked(number, uscc, Money.of("USD", "36250.00"))])
        loan = bank.financings.apply([DeclarationUsed(enquiry.lines[0].declaration_id)], "export invoice", "L-1", idempotency_key="L-1")

It signs in, renews its token before that ends, sends again what failed on the way (every POST under one `Idempotency-Key`, so that it is
done once), waits for what the ledger answers later, and turns pages. It imports nothing of the server.
"""

from api.client.calls import Upload
from api.client.conversation import Retries
from api.client.credentials import ClientSecret, Credentials, PrivateKey
from api.client.errors import (
    AnswerLate,
    BadCredentials,
    ClientError,
    InvalidRequest,
    NodeFault,
    NodeUnreachable,
    NotFound,
    NotPermitted,
    Problem,
    Refused,
    SignInFailed,
    TooMany,
    UnreadableAnswer,
)
from api.client.models import Block, Delivery, Event, Member, Money, Network, Proposal, Receipt, Record, Webhook
from api.client.resources.banking import DeclarationAsked, DeclarationUsed, Pledge
from api.client.resources.messages import MessageStatus
from api.client.shells import AsyncClient, Client
from api.client.trade_models import (
    Application,
    Collection,
    Consent,
    Declaration,
    Enquiry,
    Financing,
    Heads,
    Import,
    ImportItem,
    Signed,
    Task,
)

__all__ = [
    "AnswerLate",
    "Application",
    "AsyncClient",
    "BadCredentials",
    "Block",
    "Client",
    "ClientError",
    "ClientSecret",
    "Collection",
    "Consent",
    "Credentials",
    "Declaration",
    "DeclarationAsked",
    "DeclarationUsed",
    "Delivery",
    "Enquiry",
    "Event",
    "Financing",
    "Heads",
    "Import",
    "ImportItem",
    "InvalidRequest",
    "Member",
    "MessageStatus",
    "Money",
    "Network",
    "NodeFault",
    "NodeUnreachable",
    "NotFound",
    "NotPermitted",
    "Pledge",
    "PrivateKey",
    "Problem",
    "Proposal",
    "Receipt",
    "Record",
    "Refused",
    "Retries",
    "SignInFailed",
    "Signed",
    "Task",
    "TooMany",
    "UnreadableAnswer",
    "Upload",
    "Webhook",
]
