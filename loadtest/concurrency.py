"""Many clients at once on one node that is served by a process of its own, which may be killed in the middle.

Each client is a program of the authority's node with an account of its own. It enrols an exporter, under an Idempotency-Key, reads three
things, and begins anew; what is not answered is sent again under the same key. In the end nothing was answered with a fault, every write
that was acknowledged is on the ledger, and no exporter is enrolled twice, whatever was killed.

python -m loadtest.concurrency --clients 200 --seconds 60 --kill --out loadtest/results/concurrency.json
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final

import httpx
import sqlalchemy as sa
from rich.progress import Progress
from stdnum.cn.uscc import calc_check_digit

from api.permissions import scopes_of
from ledger.clock import SystemClock
from ledger.store import LedgerStore
from loadtest.served import CHEAP, Served
from nodes.enterprises import RECORD_TYPE, enterprises
from nodes.founding import Addresses, MemberPlan, create_network
from nodes.home import Home
from nodes.node import Node
from nodes.private import PrivateStore

_READS: Final = ("/v1/network", "/v1/enterprises?limit=5", "/v1/blocks?limit=2")
_TIMEOUT_S: Final = 60.0
_PAUSE_S: Final = 0.2


@dataclass
class Seen:
    """What all clients saw: answers by status, milliseconds of each, acknowledged writes by credit code, and requests without an answer."""

    statuses: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)
    written: dict[str, str] = field(default_factory=dict)
    unanswered: int = 0


def founded(directory: Path, clients: int, port: int) -> tuple[Path, list[tuple[str, str]]]:
    """A network of an authority alone, with so many programs: its home, and their ids and secrets."""
    plans = [MemberPlan("authority", "authority", "Forex Authority")]
    clock = SystemClock()
    made = create_network(directory, "load", plans, clock=clock, random=os.urandom, cost=CHEAP, addresses=Addresses(port_first=port))
    node = Node.open(made.homes["authority"], clock, cost=CHEAP)
    accounts = []
    for number in range(clients):
        name = f"client-{number}"
        _, secret = node.accounts.add_client(name, name, "service", scopes_of("service"))
        accounts.append((name, secret))
    node.close()
    return made.homes["authority"], accounts


async def _signed_in(http: httpx.AsyncClient, account: tuple[str, str], seen: Seen) -> httpx.AsyncClient:
    form = {"grant_type": "client_credentials", "client_id": account[0], "client_secret": account[1]}
    token = await _answered(seen, lambda: http.post("/oauth2/token", data=form))
    http.headers["Authorization"] = f"Bearer {token['access_token']}"
    return http


async def _client(http: httpx.AsyncClient, numbers: count[int], until: float, seen: Seen) -> None:
    """One client's life. It ends after the round in hand."""
    while time.monotonic() < until:
        number = next(numbers)
        body = f"91210800MA{number:07d}"
        uscc = body + calc_check_digit(body)
        what = {"uscc": uscc, "name": f"Exporter {number}", "custody": True}
        headers = {"Idempotency-Key": f"enrol-{uscc}"}
        made = await _answered(seen, lambda what=what, headers=headers: http.post("/v1/enterprises", json=what, headers=headers))
        seen.written[uscc] = str(made["id"])
        for path in _READS:
            await _answered(seen, lambda path=path: http.get(path))


async def _answered(seen: Seen, ask: Any) -> dict[str, Any]:
    """The answer of 2xx, asked for again until it is there. What says to come back, and what does not answer, is asked again."""
    while True:
        begun = time.monotonic()
        try:
            response: httpx.Response = await ask()
        except httpx.HTTPError:
            seen.unanswered += 1
            await asyncio.sleep(_PAUSE_S)
            continue
        seen.statuses[response.status_code] += 1
        seen.latencies_ms.append((time.monotonic() - begun) * 1000)
        if response.is_success:
            value: dict[str, Any] = response.json()
            return value
        if "retry-after" not in response.headers or response.status_code >= 500:
            seen.faults.append(f"{response.status_code} {response.text[:300]}")
            if "retry-after" not in response.headers and "idempotency-in-flight" not in response.text:
                raise RuntimeError(seen.faults[-1])
        await asyncio.sleep(_PAUSE_S)


async def _all(served: Served, accounts: list[tuple[str, str]], seconds: float, seen: Seen, *, kill: bool) -> None:
    async with AsyncExitStack() as stack:
        https = [await stack.enter_async_context(httpx.AsyncClient(base_url=served.url, timeout=_TIMEOUT_S)) for _ in accounts]
        await asyncio.gather(*(_signed_in(http, account, seen) for http, account in zip(https, accounts, strict=True)))
        numbers, until = count(1), time.monotonic() + seconds
        clients = [asyncio.create_task(_client(http, numbers, until, seen)) for http in https]
        with Progress(disable=not sys.stderr.isatty()) as progress:
            shown = progress.add_task(f"{len(accounts)} clients", total=seconds)
            while time.monotonic() < until:
                await asyncio.sleep(0.25)
                progress.update(shown, completed=seconds - max(0.0, until - time.monotonic()))
                if kill and time.monotonic() > until - seconds / 2:
                    kill = False
                    await asyncio.to_thread(served.end, signal.SIGKILL)
                    await asyncio.to_thread(served.start)
        await asyncio.gather(*clients)


def enrolled(home: Path) -> Counter[str]:
    """How often each credit code stands on the ledger, by what the node opened of the records that the rules accepted."""
    config = Home(home).read_config()
    store, private = LedgerStore(Home(home).ledger_url(config)), PrivateStore(Home(home).private_url(config))
    try:
        with store.reading() as reader:
            records = [
                stored
                for height in range(reader.head.height + 1)
                for stored in reader.records_of_block(height)
                if stored.record.type == RECORD_TYPE and stored.result["code"] == "ok"
            ]
        with private.reading() as connection:
            codes = {row.id: row.uscc for row in connection.execute(sa.select(enterprises.c.id, enterprises.c.uscc))}
        return Counter(codes.get(stored.id, stored.id) for stored in records)
    finally:
        private.close()
        store.close()


def run(directory: Path, clients: int, seconds: float, port: int, *, kill: bool) -> dict[str, Any]:
    """The figures of one run."""
    home, accounts = founded(directory / "net", clients, port)
    served, seen = Served(home), Seen()
    served.start()
    try:
        asyncio.run(_all(served, accounts, seconds, seen, kill=kill))
    finally:
        status = served.end(signal.SIGTERM)
    ledger = enrolled(home)
    latencies = sorted(seen.latencies_ms)
    return {
        "clients": clients,
        "seconds": seconds,
        "killed": kill,
        "statuses": {str(each): number for each, number in sorted(seen.statuses.items())},
        "faults": seen.faults[:20],
        "unanswered": seen.unanswered,
        "acknowledged": len(seen.written),
        "not_on_the_ledger": sorted(set(seen.written) - set(ledger)),
        "more_than_once": sorted(uscc for uscc, times in ledger.items() if times > 1),
        "median_ms": round(statistics.median(latencies), 1),
        "slowest_of_hundred_ms": round(latencies[int(len(latencies) * 0.99)], 1),
        "exit_status": status,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--port", type=int, default=8790)
    parser.add_argument("--kill", action="store_true", help="kill the node in the middle, and start it again")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        figures = run(Path(directory), options.clients, options.seconds, options.port, kill=options.kill)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
