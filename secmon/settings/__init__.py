"""The site file's models: what is common to every site. CONTRACT, section 3.

A driver's own keys stand beside the driver, a channel's beside its notifier; here `probes` and
`notify` are therefore lists of plain mappings, which `secmon.loading` takes apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    StringConstraints,
    model_validator,
)

from secmon.core.model import Op, Severity
from secmon.settings.duty import DutyEntry
from secmon.settings.maintenance import WindowEntry
from secmon.settings.values import (
    STRICT,
    VARIABLE,
    Address,
    Armed,
    Comparison,
    Day,
    Duration,
    Feeds,
    HalfYear,
    Id,
    Listen,
    ListenOn,
    Name,
    Network,
    Patience,
    PublicUrl,
    Scalar,
    SomeDuration,
    SomeText,
    StoreFile,
    Text,
    TimeZone,
    Weight,
)


class Section(BaseModel):
    """A mapping of the site file: its types are not bent, its keys are all known."""

    model_config = STRICT


def _reference(value: object) -> object:
    if not isinstance(value, Mapping) or len(value) != 1:
        raise ValueError("expected a reference, {file: NAME} or {env: NAME}")
    return value


class SecretRef(Section):
    """Where a secret is kept. `file` is relative to $CREDENTIALS_DIRECTORY, then the site file."""

    file: Annotated[str, StringConstraints(min_length=1, max_length=4096)] | None = None
    env: Annotated[str, StringConstraints(pattern=VARIABLE)] | None = None

    @model_validator(mode="after")
    def _one(self) -> SecretRef:
        if (self.file is None) == (self.env is None):
            raise ValueError("expected a reference, {file: NAME} or {env: NAME}")
        return self


Secret = Annotated[SecretRef, BeforeValidator(_reference)]


class Company(Section):
    """使用单位 or 维修单位, as the forms print it."""

    name: Text = ""
    address: Text = ""
    contact: Text = ""
    phone: Text = ""


class SlaEntry(Section):
    """Stricter times than 5.1.1; what is missing is the standard's."""

    respond: SomeDuration | None = None
    arrive: SomeDuration | None = None
    repair: SomeDuration | None = None


class Site(Section):
    id: Name
    name: SomeText
    timezone: TimeZone = "Asia/Shanghai"
    language: Literal["zh", "en"] = "zh"
    owner: Company = Company()
    maintainer: Company = Company()
    sla: SlaEntry = SlaEntry()


class Tls(Section):
    """PEM files; relative as a secret's file is."""

    certificate: SomeText
    key: SomeText


class Http(Section):
    """Where the console and the API are served."""

    listen: ListenOn = Listen("127.0.0.1", 9840)
    public_url: PublicUrl = ""
    tls: Tls | None = None
    trusted_proxies: list[Network] = []
    insecure: bool = False


class Metrics(Section):
    """Where /metrics and /-/… are served; may be the same address as `http.listen`."""

    listen: ListenOn = Listen("127.0.0.1", 9841)
    token: Secret | None = None
    tls: Tls | None = None
    insecure: bool = False


class AccessEntry(Section):
    """How long a log-in of the console lasts, and how many wrong passwords lock a name."""

    idle: Patience = timedelta(hours=8)  # a shift
    tries: Annotated[int, Field(ge=3, le=100)] = 10


class CredentialsEntry(Section):
    """What a device or channel wants to see before it answers."""

    username: SomeText | None = None
    password: Secret | None = None
    community: Secret | None = None
    auth: Literal["MD5", "SHA-1", "SHA-224", "SHA-256", "SHA-384", "SHA-512"] | None = None
    auth_key: Secret | None = None
    privacy: Literal["DES", "AES-128", "AES-192", "AES-256"] | None = None
    privacy_key: Secret | None = None


class BatteryEntry(Section):
    """A lead-acid string: what its float voltage is judged by."""

    cells: Annotated[int, Field(ge=1, le=400)]
    v25: Annotated[float, Field(gt=1.5, lt=3)] = 2.25
    coefficient: Annotated[float, Field(ge=-0.02, le=0)] = -0.003
    resolution: Annotated[float, Field(ge=0, le=10)] = 0.0
    settle: SomeDuration = timedelta(hours=6)  # at rest on mains before it is judged


class PartEntry(Section):
    """What the site file says of one port, zone, channel or input."""

    name: Text = ""
    watch: bool = False
    invert: bool = False
    armed: Armed | None = None
    severity: Weight | None = None
    reading: Text = ""


class DeviceEntry(Section):
    """A thing on the wall."""

    id: Id
    name: SomeText
    system: str
    kind: str
    address: Address = ""
    location: Text = ""
    maker: Text = ""
    model: Text = ""
    serial: Text = ""
    installed: Day = ""
    accepted: Day = ""
    warranty_until: Day = ""
    service_life: Annotated[int, Field(ge=1, le=100)] | None = None
    parent: Feeds = ()
    parts: dict[SomeText, PartEntry] = {}
    battery: BatteryEntry | None = None
    profile: Name | None = None
    probes: Annotated[list[dict[str, Any]], Field(max_length=50)] = []


class ProbeEntry(Section):
    """The keys that every probe takes; the rest are the driver's."""

    driver: str
    every: SomeDuration | None = None
    timeout: SomeDuration | None = None
    credentials: str | None = None
    profile: Name | None = None
    name: Name | None = None


class WhereEntry(Section):
    device: str = ""
    kind: str = ""
    system: str = ""
    profile: str = ""
    part: str = ""


class WordsEntry(Section):
    zh: Text = ""
    en: Text = ""


class RuleEntry(Section):
    """A rule of the site or of a profile; which keys it needs depends on `off` and `op`."""

    id: Name | None = None
    reading: str | None = None
    where: WhereEntry = WhereEntry()
    op: Comparison | None = None
    limit: Scalar | None = None
    soak: Annotated[Duration, Field(alias="for")] = timedelta(0)
    clear: Scalar | None = None
    severity: Weight = Severity.MAJOR
    text: WordsEntry = WordsEntry()
    off: bool = False

    @model_validator(mode="after")
    def _is_whole(self) -> RuleEntry:
        if self.off:
            if self.id is None and self.reading is None:
                raise ValueError("expected the key id, or reading, of what to switch off")
        elif self.reading is None or self.op is None:
            raise ValueError("expected the keys reading and op, or off: true")
        elif self.limit is None and self.op not in (Op.MISSING, Op.STUCK):
            raise ValueError(f"expected the key limit with {self.op}")
        return self


class NotifyEntry(Section):
    """The keys that every channel takes; the rest are its notifier's."""

    id: Name
    channel: str


class Retention(Section):
    """How long to keep what need not be kept for ever."""

    pictures: SomeDuration = timedelta(days=90)
    history: SomeDuration = timedelta(days=400)
    audit: HalfYear = timedelta(days=400)


class SiteFile(Section):
    """The whole of it."""

    site: Site
    store: StoreFile = Path("/var/lib/secmon/secmon.db")
    http: Http = Http()
    metrics: Metrics = Metrics()
    access: AccessEntry = AccessEntry()
    credentials: dict[SomeText, CredentialsEntry] = {}
    devices: list[DeviceEntry] = []
    rules: list[RuleEntry] = []
    notify: list[dict[str, Any]] = []
    retention: Retention = Retention()
    duty: DutyEntry | None = None
    maintenance: Annotated[list[WindowEntry], Field(max_length=500)] = []


class ProfileFile(Section):
    """A profile's head; the driver's part stands under the key named like the driver."""

    profile: Name
    driver: str
    source: SomeText
    verified: SomeText
    battery: BatteryEntry | None = None
    rules: list[RuleEntry] = []
