"""A running node: the parts of a home put together, started and stopped in the right order.

The operator's node orders blocks itself (`solo`); any other follows it (`follow`). Clock, randomness, rules and, in tests, the
engine or the way upstream are passed in; nothing is started by opening a node.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Protocol, Self

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts.queries import engine_may_connect
from contracts.ruleset import RULEBOOK
from ledger.clock import Clock, SystemClock
from ledger.comet.engine import CometEngine, CometSetup
from ledger.comet.files import CometHome, Settings
from ledger.engine import Engine
from ledger.errors import NotFound, Refused, VerificationFailed
from ledger.file_lock import FileLock
from ledger.follow import FollowEngine
from ledger.keys import ED25519
from ledger.log_operator import Operator, operator_of
from ledger.rules import Rulebook
from ledger.solo import SoloEngine
from ledger.store import LedgerStore
from ledger.vouching import voucher_of
from ledger.witness import WitnessKey
from ledger.writer_lock import WriterLock
from nodes.author import RecordAuthor, SigningKey
from nodes.directory import Directory
from nodes.enterprises import Enterprises
from nodes.events.feed import EventFeed
from nodes.home import Home
from nodes.home_config import HomeConfig
from nodes.keys.accounts import Accounts
from nodes.keys.hsm import hsm_of
from nodes.keys.keystore import NODE_OWNER, WITNESS, Argon2Cost, KeyStore
from nodes.keys.links import Links
from nodes.keys.registry import RegistryKey
from nodes.outbox import Outbox
from nodes.private import PrivateStore, get_meta, set_meta
from nodes.private_files import read_node_secret
from nodes.projections import register_projections
from nodes.reader import LedgerReader, cursor_of
from nodes.rules_ahead import RulesWatch
from nodes.tls_files import calling_others
from nodes.upstream import HttpUpstream, NodeUpstream, audience_of, authority_of

NETWORK: Final = "network"
ENTERPRISE_CLIENT: Final = "enterprise:"


class Closeable(Protocol):
    """What holds a connection."""

    def close(self) -> None: ...


class Node:
    """One member's, or one enterprise's, node. Make it with `Node.open`; `start` and `stop` it, or use it as a context."""

    def __init__(
        self,
        home: Home,
        config: HomeConfig,
        genesis: dict[str, Any],
        clock: Clock,
        random: Callable[[int], bytes],
        cost: Argon2Cost | None,
        rulebook: Rulebook,
    ) -> None:
        self.home, self.config, self.genesis, self.clock, self.random = home, config, genesis, clock, random
        self.rulebook = rulebook
        self.network = config.network.id
        self._secret = read_node_secret(home.secret_file)
        self.keystore = KeyStore(home.keys_dir, random, cost, hsm_of(config.pkcs11))
        self.private = PrivateStore(home.private_url(config))
        self.upstream: NodeUpstream | None = None
        self._open: list[Closeable] = [self.private]
        self.accounts = Accounts(self.private, self.keystore, clock, random, cost)
        self.links = Links(self.private)
        self.enterprises = Enterprises(self.private)
        self._check_private_network()

    @classmethod
    def open(
        cls,
        path: Path,
        clock: Clock | None = None,
        engine: Engine | None = None,
        random: Callable[[int], bytes] = os.urandom,
        *,
        rulebook: Rulebook = RULEBOOK,
        upstream: NodeUpstream | None = None,
        cost: Argon2Cost | None = None,
    ) -> Node:
        """Opens the home at a path. `engine` or `upstream` replace those that the configuration names.

        Raises `InputError` (`no-home`, `bad-config`), `Refused` (`home-mode`, `key-file-mode`, `assertions-off`, `ledger-at-rest`),
        `VerificationFailed` (`wrong-genesis`, `other-network`, and those of damaged files), `Unreachable` (`database-unreachable`).
        """
        if not __debug__:
            message = "assertions are part of the rules, and this Python runs without them"
            raise Refused("assertions-off", message, hint="start it without -O and PYTHONOPTIMIZE")
        home = Home(path)
        config = home.read_config()
        if config.engine.kind == "none":
            hint = "audit, prove and export work on it; to run it, restore the archive with a member's keys"
            raise Refused("ledger-at-rest", "this home holds a ledger at rest, without keys or an engine", hint=hint)
        home.check_modes()
        node = cls(home, config, home.read_genesis(config.network.id), clock or SystemClock(), random, cost, rulebook)
        try:
            node._assemble(engine, upstream)
        except BaseException:
            node.close()
            raise
        return node

    def start(self) -> None:
        """Starts engine, reader and outbox. Raises `Unreachable` (`home-in-use`), `Refused`, `VerificationFailed`."""
        self._check_ledger_is_newest()
        # A home from before there were witnesses gets its key here, once, and not from two requests at a time.
        _ = self.witness_key
        self.engine.start()
        self.reader.start()
        self.outbox.start()

    def stop(self) -> None:
        """Stops all of it and closes the databases. The outbox ends last but one, so that what it sent can be written down."""
        self.engine.stop()
        self.outbox.stop()
        self.reader.stop()
        self.close()

    def close(self) -> None:
        """Closes the databases of a node that is not running."""
        for resource in reversed(self._open):
            resource.close()
        self._open.clear()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def member(self) -> str:
        """The slug of the member that this node acts for. Raises `Refused` (`not-a-member`) on an enterprise's node."""
        if self.config.node.member is None:
            raise Refused("not-a-member", "an enterprise's node acts for no member of the network")
        return self.config.node.member

    @property
    def client_id(self) -> str:
        """The name under which this node signs in at another."""
        member = self.config.node.member
        return ENTERPRISE_CLIENT + self.identity_key.id if member is None else member

    @cached_property
    def identity_key(self) -> SigningKey:
        """What this node signs with as itself: its member's `service` key, or an enterprise's signing key.

        Raises `NotFound` (`no-node-key`).
        """
        purpose = "enterprise" if self.config.node.member is None else "service"
        key_id = self._newest([info.id for info in self.keystore.list() if info.purpose == purpose and info.owner == NODE_OWNER])
        private = self.keystore.open(key_id, self._secret)
        assert isinstance(private, EllipticCurvePrivateKey), "keys of these purposes are made as p256"
        return SigningKey(key_id, private)

    @cached_property
    def registry_key(self) -> RegistryKey:
        """What turns numbers into ids: at the registrar and the authority only. Raises `NotFound` (`no-node-key`), `VerificationFailed`
        (`wrong-registry-key`) where it is not the one that genesis commits to.
        """
        for info in self.keystore.list():
            if info.purpose == "registry":
                key = self.keystore.open(info.id, self._secret)
                assert isinstance(key, RegistryKey), "keys of this purpose are registry keys"
                if key.commitment != self.genesis["application"]["registry_commitment"]:
                    raise VerificationFailed("wrong-registry-key", "the registry key is not the one that the network commits to")
                return key
        raise NotFound("no-node-key", "this node holds no registry key", hint="only the registrar's and the authority's nodes do")

    @cached_property
    def sealing_keys(self) -> dict[str, X25519PrivateKey]:
        """Every sealing key of this node by id, old ones too. `forget_keys` after the key store changed."""
        opened = {info.id: self.keystore.open(info.id, self._secret) for info in self.keystore.list() if info.purpose == "seal"}
        return {key_id: key for key_id, key in opened.items() if isinstance(key, X25519PrivateKey)}

    @cached_property
    def witness_key(self) -> WitnessKey | None:
        """What this node cosigns the operator's checkpoints with, under its member's slug; made where there is none. None for the operator,
        whose word is no second one, and for an enterprise, which no public field names.
        """
        if self.config.node.member is None or self.config.engine.kind != "follow":
            return None
        found = [info for info in self.keystore.list() if info.purpose == WITNESS and info.owner == NODE_OWNER]
        info = found[0] if found else self.keystore.create(ED25519, WITNESS, NODE_OWNER, self._secret)
        private = self.keystore.open(info.id, self._secret)
        assert isinstance(private, Ed25519PrivateKey), "a witness key is made as ed25519"
        return WitnessKey(self.config.node.member, private)

    def forget_keys(self) -> None:
        """Makes the node read its own keys from the key store again."""
        for name in ("identity_key", "registry_key", "sealing_keys", "witness_key"):
            self.__dict__.pop(name, None)

    def _assemble(self, engine: Engine | None, upstream: NodeUpstream | None) -> None:
        if engine is None:
            self.store = LedgerStore(self.home.ledger_url(self.config))
            self._open.append(self.store)
        else:
            self.store = engine.store
        # The directory comes before the engine: it says which of this node's keys are in force, and the way upstream needs one.
        self.directory = Directory(self.store)
        self.engine = engine or self._make_engine(upstream)
        self.author = RecordAuthor(self.network, self.store, self.clock, self.random)
        self.outbox = Outbox(self.private, self.engine, self.clock, orders=self.config.engine.kind == "solo")
        self.reader = LedgerReader(self.store, self.private, lambda: self.sealing_keys)
        self.events, who = EventFeed(self.private, self.store, self.clock), self.config.node
        register_projections(self.reader, self.store, self.directory, self.keystore, who, lambda: self.registry_key, self.events)
        self.engine.subscribe(self.reader.notify)
        self.engine.subscribe(RulesWatch(self.store, self.rulebook).look)

    def _make_engine(self, upstream: NodeUpstream | None) -> Engine:
        lock = WriterLock(FileLock(self.home.lock_file), self.store.engine)
        if self.config.engine.kind == "solo":
            return SoloEngine(self.store, self.genesis, self.rulebook, self._operator(), self.clock, lock=lock)
        if self.config.engine.kind == "follow":
            self.upstream = upstream or self._http_upstream()
            return FollowEngine(self.store, self.genesis, self.rulebook, voucher_of(self.genesis), self.upstream, lock=lock)
        if self.config.engine.kind == "comet":
            if upstream is not None or self.config.engine.upstream is not None:
                self.upstream = upstream or self._http_upstream()
            return CometEngine(self.store, self.genesis, self.rulebook, self.clock, self._comet_setup(), lock=lock)
        raise Refused("engine-unknown", f"this program has no engine {self.config.engine.kind}", hint="use solo, follow or comet")

    def _comet_setup(self) -> CometSetup:
        section = self.config.engine
        assert section.listen is not None, "the configuration of the engine `comet` says where it listens"
        joining = None if section.state_sync is None else section.state_sync.settings()
        settings = Settings(section.listen, section.peers, section.external or "", rpc_listen=section.rpc_listen or "", state_sync=joining)
        own: dict[str, Any] = {"empty_blocks_interval_s": section.empty_blocks_interval_s, "snapshot_heights": section.snapshot_heights}
        settings = replace(settings, **{name: value for name, value in own.items() if value is not None})
        return CometSetup(CometHome(self.home.comet_dir), self.home.logs_dir / "comet.log", settings, self._peer_allowed)

    def _peer_allowed(self, address: str) -> bool:
        """Whether an engine of that network identity is let in, by the newest state."""
        with self.store.reading() as reader:
            return engine_may_connect(reader.state, address)

    def _operator(self) -> Operator:
        named = operator_of(self.genesis)
        for info in self.keystore.list():
            if info.purpose == "operator" and info.public == named.public:
                private = self.keystore.open(info.id, self._secret)
                assert isinstance(private, Ed25519PrivateKey), "an operator's key is made as ed25519"
                return Operator(named.name, private)
        raise NotFound("no-node-key", "this node does not hold the operator's key that genesis names", hint="a follower needs none")

    def _http_upstream(self) -> NodeUpstream:
        url = self.config.engine.upstream
        assert url is not None, "the configuration of a follower has an upstream"
        key, audience = self.identity_key, audience_of(self.network, authority_of(self.genesis))
        tls = calling_others(self.config, self.home.path)
        upstream = HttpUpstream(url, self.client_id, audience, key.private, self.clock, self.random, tls=tls)
        self._open.append(upstream)
        return upstream

    def _newest(self, key_ids: list[str]) -> str:
        """Of several keys of one purpose, the one in force that was added last. An enterprise's stand on no ledger, and nothing
        stands on an empty replica: then any will do.
        """
        if not key_ids:
            raise NotFound("no-node-key", "this node lacks the key that it acts with", hint="restore its home from a backup")
        if len(key_ids) == 1:
            return key_ids[0]
        if self.store.is_new():
            return key_ids[0]
        known = [key for key_id in key_ids if (key := self.directory.key(key_id)) is not None and key.alive]
        return max(known, key=lambda key: (key.added_at, key.id)).id if known else key_ids[0]

    def _check_ledger_is_newest(self) -> None:
        """An operator whose ledger lacks blocks that its private database has seen would sign other blocks in their place: a fork."""
        if self.config.engine.kind != "solo":
            return
        with self.private.reading() as connection:
            seen = cursor_of(connection)
        size = 0
        if not self.store.is_new():
            with self.store.reading() as reader:
                size = reader.head.log_size
        if seen > max(size, 1):
            message = "this ledger lacks blocks that the node has made before: to go on from here would be a fork"
            raise Refused("ledger-older", message, hint="put the newest copy of the ledger database back")

    def _check_private_network(self) -> None:
        with self.private.begin() as connection:
            known = get_meta(connection, NETWORK)
            if known is None:
                set_meta(connection, NETWORK, self.network)
        if known not in (None, self.network):
            self.close()
            raise VerificationFailed("other-network", "the private database belongs to another network", hint="check `private_url`")
