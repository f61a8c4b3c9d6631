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
from api.client.oversight_models import (
    Alert,
    Assessment,
    ConflictReport,
    CreditImport,
    CreditProfile,
    CreditRevision,
    DeclarationStatement,
    Dispute,
    ExchangeRate,
    Figures,
    FinancingStatement,
    LoadFile,
    Order,
    ParametersVersion,
    Reconciled,
    TransferOffer,
)
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
    "Alert",
    "AnswerLate",
    "Application",
    "Assessment",
    "AsyncClient",
    "BadCredentials",
    "Block",
    "Client",
    "ClientError",
    "ClientSecret",
    "Collection",
    "ConflictReport",
    "Consent",
    "Credentials",
    "CreditImport",
    "CreditProfile",
    "CreditRevision",
    "Declaration",
    "DeclarationAsked",
    "DeclarationStatement",
    "DeclarationUsed",
    "Delivery",
    "Dispute",
    "Enquiry",
    "Event",
    "ExchangeRate",
    "Figures",
    "Financing",
    "FinancingStatement",
    "Heads",
    "Import",
    "ImportItem",
    "InvalidRequest",
    "LoadFile",
    "Member",
    "MessageStatus",
    "Money",
    "Network",
    "NodeFault",
    "NodeUnreachable",
    "NotFound",
    "NotPermitted",
    "Order",
    "ParametersVersion",
    "Pledge",
    "PrivateKey",
    "Problem",
    "Proposal",
    "Receipt",
    "Reconciled",
    "Record",
    "Refused",
    "Retries",
    "SignInFailed",
    "Signed",
    "Task",
    "TooMany",
    "TransferOffer",
    "UnreadableAnswer",
    "Upload",
    "Webhook",
]
