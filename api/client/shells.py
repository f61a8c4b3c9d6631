"""The two clients: they carry steps out with httpx, one by blocking and one by awaiting. All else is in `api.client.conversation`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

import httpx

from api.client.calls import Reply, Request, Upload
from api.client.conversation import (
    ConnectionFailed,
    Done,
    Emit,
    Open,
    Outcome,
    Pause,
    Read,
    Retries,
    Send,
    Series,
    Session,
    Step,
    Steps,
    advance,
)
from api.client.credentials import Credentials
from api.client.operations import Async, Mode, Sync
from api.client.resources.adjustments import Loads
from api.client.resources.banking import Attachments, Enquiries, Financings, Tasks
from api.client.resources.credit import Credit
from api.client.resources.exporters import Consents, Declarations
from api.client.resources.following import Events, Webhooks
from api.client.resources.ledger import Anything, NetworkResource, Records
from api.client.resources.messages import Iso20022
from api.client.resources.oversight import Alerts, Disputes, Monitoring, Orders
from api.client.resources.statements import Statements

T = TypeVar("T")
WAIT_S: Final = 20.0
# Longer than a node keeps a request waiting, and than a stream is silent.
TIMEOUT_S: Final = 60.0


class _Base(Generic[Mode]):
    """What both clients have."""

    def __init__(self, base_url: str, credentials: Credentials | None, retries: Retries | None, wait_s: float) -> None:
        self.session = Session(base_url.rstrip("/"), credentials, retries or Retries(), wait_s)
        self.network: NetworkResource[Mode] = NetworkResource(self._driver())
        self.records: Records[Mode] = Records(self._driver())
        self.declarations: Declarations[Mode] = Declarations(self._driver())
        self.consents: Consents[Mode] = Consents(self._driver())
        self.enquiries: Enquiries[Mode] = Enquiries(self._driver())
        self.financings: Financings[Mode] = Financings(self._driver())
        self.loads: Loads[Mode] = Loads(self._driver())
        self.credit: Credit[Mode] = Credit(self._driver())
        self.statements: Statements[Mode] = Statements(self._driver())
        self.orders: Orders[Mode] = Orders(self._driver())
        self.disputes: Disputes[Mode] = Disputes(self._driver())
        self.alerts: Alerts[Mode] = Alerts(self._driver())
        self.monitoring: Monitoring[Mode] = Monitoring(self._driver())
        self.tasks: Tasks[Mode] = Tasks(self._driver())
        self.attachments: Attachments[Mode] = Attachments(self._driver())
        self.events: Events[Mode] = Events(self._driver())
        self.webhooks: Webhooks[Mode] = Webhooks(self._driver())
        self.iso20022: Iso20022[Mode] = Iso20022(self._driver())
        self.http: Anything[Mode] = Anything(self._driver())

    def _driver(self) -> Any:
        """The client itself, which is the `Driver` of its mode."""
        return self


class Client(_Base[Sync]):
    """A program at one node, blocking. A context: it closes its connections. Threads may share it.

    `base_url` is the node's address; without `credentials` only what is open can be read. `wait_s` is how long to wait for what the ledger
    answers later. `http` is a client of the caller's own, for instance with certificates or a proxy, which the caller closes.
    """

    def __init__(
        self,
        base_url: str,
        credentials: Credentials | None = None,
        *,
        retries: Retries | None = None,
        wait_s: float = WAIT_S,
        http: httpx.Client | None = None,
    ) -> None:
        super().__init__(base_url, credentials, retries, wait_s)
        self._own = http is None
        self._http = http or httpx.Client(timeout=TIMEOUT_S)

    def close(self) -> None:
        """Closes the connections, unless they are the caller's."""
        if self._own:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def run(self, steps: Steps[T]) -> T:
        """Carries a conversation out, to its answer."""
        line = _Line(self.session.base_url, self._http)
        step = advance(steps, None)
        while not isinstance(step, Done):
            step = advance(steps, line.outcome(step))
        answer: T = step.answer
        return answer

    def iterate(self, series: Series[T]) -> Iterator[T]:
        """Carries a conversation out, handing over what it emits."""
        line = _Line(self.session.base_url, self._http)
        try:
            step = advance(series, None)
            while not isinstance(step, Done):
                if isinstance(step, Emit):
                    yield step.item
                    step = advance(series, None)
                else:
                    step = advance(series, line.outcome(step))
        finally:
            line.stack.close()


class AsyncClient(_Base[Async]):
    """A program at one node, awaiting; as `Client` in all else. Tasks of one event loop may share it."""

    def __init__(
        self,
        base_url: str,
        credentials: Credentials | None = None,
        *,
        retries: Retries | None = None,
        wait_s: float = WAIT_S,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        super().__init__(base_url, credentials, retries, wait_s)
        self._own = http is None
        self._http = http or httpx.AsyncClient(timeout=TIMEOUT_S)

    async def aclose(self) -> None:
        """Closes the connections, unless they are the caller's."""
        if self._own:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.aclose()

    async def run(self, steps: Steps[T]) -> T:
        """Carries a conversation out, to its answer."""
        line = _AsyncLine(self.session.base_url, self._http)
        step = advance(steps, None)
        while not isinstance(step, Done):
            step = advance(steps, await line.outcome(step))
        answer: T = step.answer
        return answer

    async def iterate(self, series: Series[T]) -> AsyncIterator[T]:
        """Carries a conversation out, handing over what it emits."""
        line = _AsyncLine(self.session.base_url, self._http)
        try:
            step = advance(series, None)
            while not isinstance(step, Done):
                if isinstance(step, Emit):
                    yield step.item
                    step = advance(series, None)
                else:
                    step = advance(series, await line.outcome(step))
        finally:
            await line.stack.aclose()


class _Line:
    """One conversation's connection: at most one answer of it is open, until `stack` is closed."""

    def __init__(self, base_url: str, http: httpx.Client) -> None:
        self._base_url, self._http, self.stack = base_url, http, ExitStack()
        self._open: Iterator[bytes] = iter(())

    def outcome(self, step: Step) -> Outcome:
        """Carries one step out."""
        if isinstance(step, Pause):
            time.sleep(step.seconds)
            return None
        try:
            return self._reply(step)
        except httpx.TransportError as error:
            return ConnectionFailed(type(error).__name__)

    def _reply(self, step: Send | Open | Read) -> Reply:
        if isinstance(step, Read):
            return Reply(200, {}, next(self._open, b""))
        with ExitStack() as files:
            request = self._http.build_request(**_arguments(self._base_url, step.request, files))
            if isinstance(step, Send):
                response = self._http.send(request)
                return _reply_of(response, response.content)
            self.stack.close()
            response = self._http.send(request, stream=True)
            self.stack.callback(response.close)
            if response.status_code >= 400:
                return _reply_of(response, response.read())
            self._open = response.iter_bytes()
            return _reply_of(response, b"")


class _AsyncLine:
    """As `_Line`, awaiting."""

    def __init__(self, base_url: str, http: httpx.AsyncClient) -> None:
        self._base_url, self._http, self.stack = base_url, http, AsyncExitStack()
        self._open: AsyncIterator[bytes] | None = None

    async def outcome(self, step: Step) -> Outcome:
        """Carries one step out."""
        if isinstance(step, Pause):
            await asyncio.sleep(step.seconds)
            return None
        try:
            return await self._reply(step)
        except httpx.TransportError as error:
            return ConnectionFailed(type(error).__name__)

    async def _reply(self, step: Send | Open | Read) -> Reply:
        if isinstance(step, Read):
            assert self._open is not None, "only what is open is read"
            return Reply(200, {}, await anext(self._open, b""))
        with ExitStack() as files:
            request = self._http.build_request(**_arguments(self._base_url, step.request, files))
            if isinstance(step, Send):
                response = await self._http.send(request)
                return _reply_of(response, response.content)
            await self.stack.aclose()
            response = await self._http.send(request, stream=True)
            self.stack.push_async_callback(response.aclose)
            if response.status_code >= 400:
                return _reply_of(response, await response.aread())
            self._open = response.aiter_bytes()
            return _reply_of(response, b"")


def _arguments(base_url: str, request: Request, files: ExitStack) -> dict[str, Any]:
    """What httpx makes a request of. Files are opened anew for each attempt."""
    arguments: dict[str, Any] = {"method": request.method, "url": base_url + request.path, "headers": dict(request.headers)}
    if request.params:
        arguments["params"] = dict(request.params)
    if request.content is not None:
        arguments["content"] = request.content
    if request.fields is not None:
        arguments["data"] = dict(request.fields)
    if request.files:
        arguments["files"] = [("file", (each.name, _opened(each, files), each.media_type)) for each in request.files]
    return arguments


def _opened(upload: Upload, files: ExitStack) -> Any:
    return upload.content if isinstance(upload.content, bytes) else files.enter_context(upload.content.open("rb"))


def _reply_of(response: httpx.Response, content: bytes) -> Reply:
    return Reply(response.status_code, {name.lower(): value for name, value in response.headers.items()}, content)
