"""What `tallystick.toml` may say, strictly: an unknown field, or a value of another type, is an error that names it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ledger.comet.statesync import StateSync, check_rpc_listen
from ledger.errors import InputError
from ledger.limits import COMET_PEERS_MAX, GOSSIP_PEERS_MAX, INTEGER_MAX, MAIL_RECIPIENTS_MAX, RATE_PER_S_MAX

Role = Literal["authority", "registrar", "bank", "enterprise", "auditor"]
EngineKind = Literal["solo", "follow", "comet", "none"]
Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,31}$")]
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
HostPort = Annotated[str, Field(pattern=r"^(\[[0-9a-fA-F:]+\]|[0-9A-Za-z.-]+):[0-9]{1,5}$")]
Peer = Annotated[str, Field(pattern=r"^[0-9a-f]{40}@(\[[0-9a-fA-F:]+\]|[0-9A-Za-z.-]+):[0-9]{1,5}$")]
MailAddress = Annotated[str, Field(max_length=254, pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+$")]
MailAddresses = Annotated[list[MailAddress], Field(max_length=MAIL_RECIPIENTS_MAX)]
PerSecond = Annotated[int, Field(ge=1, le=RATE_PER_S_MAX)]
Url = Annotated[str, Field(pattern=r"^https?://[^\s/]+(/[^\s]*)?$")]

Origin = Annotated[str, Field(pattern=r"^https?://[^\s/?#]+$")]


class _Section(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class NetworkSection(_Section):
    """The network's name, for people, and its id, the hash of the genesis document."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    id: Hash


class NodeSection(_Section):
    """Who runs this node: a member by its slug on the ledger, or an enterprise, which no public field ever names."""

    id: Slug
    name: Annotated[str, Field(min_length=1, max_length=128)]
    role: Role
    member: Slug | None = None

    @model_validator(mode="after")
    def _enterprises_are_no_members(self) -> Self:
        if (self.role == "enterprise") != (self.member is None):
            raise ValueError("`member` is given for every role except enterprise")
        return self


class StateSyncSection(_Section):
    """How a node whose ledger is empty joins by a snapshot: as `ledger.comet.statesync.StateSync`."""

    rpc_servers: Annotated[list[str], Field(min_length=2, max_length=COMET_PEERS_MAX)]
    trust_height: Annotated[int, Field(ge=1)]
    trust_hash: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")]

    @model_validator(mode="after")
    def _can_be_used(self) -> Self:
        try:
            self.settings()
        except InputError as error:
            raise ValueError(error.message) from error
        return self

    def settings(self) -> StateSync:
        """What the engine is told. Raises `InputError` (`bad-state-sync`)."""
        return StateSync(self.rpc_servers, self.trust_height, self.trust_hash)


class EngineSection(_Section):
    """How the node comes by blocks: it makes them (`solo`), fetches and checks those of `upstream` (`follow`), or its CometBFT orders them
    with those of the other members (`comet`; `upstream` is then the authority's node, for letters and introductions). A home of the kind
    `none` comes by no more: it is a ledger at rest, without keys, to be audited, proven from and exported.

    Of `comet`: `listen` is where the others' engines find this one, `external` the same as they see it where that differs, `peers` are
    theirs (`id@host:port`), and `empty_blocks_interval_s` is how old the newest block may get where nothing happens. `rpc_listen` is where
    newcomers' light clients are answered, every `snapshot_heights` heights a snapshot is made for them (0: none), and `state_sync` is how
    this node joins by one (`ledger.comet.statesync`).
    """

    kind: EngineKind
    upstream: Url | None = None
    listen: HostPort | None = None
    external: HostPort | None = None
    peers: Annotated[list[Peer], Field(max_length=COMET_PEERS_MAX)] = []
    empty_blocks_interval_s: Annotated[int, Field(ge=1, le=3_600)] | None = None
    rpc_listen: Annotated[str, Field(max_length=256)] | None = None
    snapshot_heights: Annotated[int, Field(ge=0, le=INTEGER_MAX)] | None = None
    state_sync: StateSyncSection | None = None

    @model_validator(mode="after")
    def _each_kind_has_its_fields(self) -> Self:
        if (self.kind == "follow" and self.upstream is None) or (self.kind in ("solo", "none") and self.upstream is not None):
            raise ValueError("`upstream` is given for the engine `follow`, and may be for `comet`")
        if (self.kind == "comet") != (self.listen is not None):
            raise ValueError("`listen` is given exactly for the engine `comet`")
        own = (self.external, self.empty_blocks_interval_s, self.rpc_listen, self.snapshot_heights, self.state_sync)
        if self.kind != "comet" and (self.peers or any(each is not None for each in own)):
            names = "`peers`, `external`, `empty_blocks_interval_s`, `rpc_listen`, `snapshot_heights` and `state_sync`"
            raise ValueError(f"{names} are of the engine `comet`")
        try:
            if self.rpc_listen is not None:
                check_rpc_listen(self.rpc_listen)
        except InputError as error:
            raise ValueError(error.hint) from error
        return self


class StorageSection(_Section):
    """SQLAlchemy addresses of the two databases; absent: SQLite files in the home."""

    ledger_url: Annotated[str, Field(min_length=1)] | None = None
    private_url: Annotated[str, Field(min_length=1)] | None = None


class TlsSection(_Section):
    """The node speaks TLS itself, with `certificate` (and its chain) and `key`. Where `client_ca_file` names who vouches for clients'
    certificates, a client may show one, or has to.
    """

    certificate: Annotated[str, Field(min_length=1)]
    key: Annotated[str, Field(min_length=1)]
    client_ca_file: Annotated[str, Field(min_length=1)] | None = None
    client_certificate: Literal["optional", "required"] = "optional"

    @model_validator(mode="after")
    def _who_is_asked_can_be_verified(self) -> Self:
        if self.client_certificate == "required" and self.client_ca_file is None:
            raise ValueError("a certificate that is `required` is verified by `client_ca_file`")
        return self


class ApiSection(_Section):
    """Where the node's API listens, and `url`, how it is called from outside, where that differs: behind a proxy that speaks TLS. Besides,
    how many requests a second it takes of one of its people or programs, of another node, and of strangers that sign in from one address.
    """

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)] = 8000
    url: Origin | None = None
    tls: TlsSection | None = None
    requests_per_s: PerSecond = 100
    node_requests_per_s: PerSecond = 1_000
    sign_ins_per_s: PerSecond = 50


class ClientTlsSection(_Section):
    """What this node shows to other nodes that it calls, and by whom they are verified: by default no certificate, and the usual ones."""

    certificate: Annotated[str, Field(min_length=1)] | None = None
    key: Annotated[str, Field(min_length=1)] | None = None
    ca_file: Annotated[str, Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _a_certificate_has_its_key(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("`certificate` and `key` go together")
        return self


class GossipSection(_Section):
    """Other members' nodes, which are asked every `interval_s` seconds what the operator shows them."""

    peers: Annotated[list[Url], Field(max_length=GOSSIP_PEERS_MAX)] = []
    interval_s: Annotated[int, Field(ge=1, le=86_400)] = 30


class WitnessesSection(_Section):
    """Witnesses that this node asks to cosign its checkpoints (C2SP tlog-witness): the prefixes of their addresses."""

    push: Annotated[list[Url], Field(max_length=GOSSIP_PEERS_MAX)] = []


class ApproveSection(_Section):
    """An approval here is final once the heads of so many other members match; a request waits for them for so long."""

    matching_heads: Annotated[int, Field(ge=0, le=GOSSIP_PEERS_MAX)] = 0
    wait_s: Annotated[int, Field(ge=0, le=30)] = 10


class WebhooksSection(_Section):
    """What webhooks may lead to beside https on the public internet: the owner's own network, and plain http."""

    allow_private: bool = False
    allow_http: bool = False


class MailSection(_Section):
    """How the node sends e-mail to its owner's people: by SMTP at `host`, under TLS that is verified (by `ca_file` where it is given),
    signed in as `user` with what `secret_file` holds. `checkers` hear of tasks, `staff` of alerts, `admins` of webhooks that were given
    up; `link` is put before the paths of what they are about.
    """

    host: Annotated[str, Field(min_length=1, max_length=255)]
    port: Annotated[int, Field(ge=1, le=65_535)] = 587
    starttls: bool = True
    user: Annotated[str, Field(min_length=1)] | None = None
    secret_file: Annotated[str, Field(min_length=1)] | None = None
    ca_file: Annotated[str, Field(min_length=1)] | None = None
    sender: Annotated[MailAddress, Field(alias="from")]
    checkers: MailAddresses = []
    staff: MailAddresses = []
    admins: MailAddresses = []
    link: Url | None = None

    @model_validator(mode="after")
    def _no_secret_in_the_open(self) -> Self:
        if (self.user is None) != (self.secret_file is None):
            raise ValueError("`user` and `secret_file` go together")
        if self.user is not None and not self.starttls:
            raise ValueError("a `user` signs in under `starttls` only")
        return self


class OidcSection(_Section):
    """The OpenID provider that signs staff in. `claim` of its id token names the subject that an account is linked to; `scopes` are asked
    for beside `openid`. `landing` is the path where a browser goes once it is signed in.
    """

    issuer: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$", max_length=500)]
    client_id: Annotated[str, Field(min_length=1, max_length=200)]
    secret_file: Annotated[str, Field(min_length=1)]
    claim: Annotated[str, Field(pattern=r"^[a-z_]{1,64}$")] = "sub"
    scopes: Annotated[list[Annotated[str, Field(pattern=r"^[!#-\[\]-~]{1,64}$")]], Field(max_length=16)] = []
    ca_file: Annotated[str, Field(min_length=1)] | None = None
    landing: Annotated[str, Field(pattern=r"^/([^\s/\\][^\s\\]*)?$")] = "/portal/work"

    @model_validator(mode="after")
    def _is_asked_over_tls(self) -> Self:
        host = urlsplit(self.issuer).hostname
        if not self.issuer.startswith("https:") and host not in ("127.0.0.1", "::1", "localhost"):
            raise ValueError("an `issuer` elsewhere than on this machine is called by https")
        return self


class Pkcs11Section(_Section):
    """A hardware module with keys of this home: the PKCS#11 library's path, and the label of the token."""

    module: Annotated[str, Field(pattern=r"^/[^\x00]+$")]
    token: Annotated[str, Field(min_length=1, max_length=32)]


class MetricsSection(_Section):
    """The port of this machine on which Prometheus asks for the node's numbers."""

    port: Annotated[int, Field(ge=1, le=65_535)]


class HomeConfig(_Section):
    """`tallystick.toml`, whole."""

    network: NetworkSection
    node: NodeSection
    engine: EngineSection
    storage: StorageSection = StorageSection()
    api: ApiSection = ApiSection()
    client_tls: ClientTlsSection | None = None
    gossip: GossipSection = GossipSection()
    witnesses: WitnessesSection = WitnessesSection()
    approve: ApproveSection = ApproveSection()
    webhooks: WebhooksSection = WebhooksSection()
    mail: MailSection | None = None
    oidc: OidcSection | None = None
    pkcs11: Pkcs11Section | None = None
    metrics: MetricsSection | None = None

    @property
    def base_url(self) -> str:
        """How the node's API is called, without a slash at the end: the issuer of its tokens."""
        return self.api.url or self.local_url

    @property
    def local_url(self) -> str:
        """How it is called from this machine."""
        return f"{'http' if self.api.tls is None else 'https'}://{self.api.host}:{self.api.port}"

    @property
    def client_id(self) -> str | None:
        """The name under which this node signs in to another node; an enterprise's follows from its key, not from here."""
        return self.node.member


def to_toml(sections: Mapping[str, Mapping[str, Any]]) -> str:
    """TOML for tables of strings, integers, truth values, lists of strings and tables of those, which is all that a configuration holds."""
    blocks = []
    for name, fields in sections.items():
        nested = {f"{name}.{key}": value for key, value in fields.items() if isinstance(value, Mapping)}
        lines = [f"{key} = {_toml_value(value)}" for key, value in fields.items() if not isinstance(value, Mapping)]
        if lines:
            blocks.append("\n".join([f"[{name}]", *lines]) + "\n")
        if nested:
            blocks.append(to_toml(nested))
    return "\n".join(blocks)


def _toml_value(value: Any) -> str:
    # A JSON string is a TOML basic string, but for the delete character, which JSON leaves as it is.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
