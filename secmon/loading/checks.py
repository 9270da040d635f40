"""What one value alone does not show: the SLA against the standard, who may listen where."""

from __future__ import annotations

from collections.abc import Sequence

from secmon.core.durations import written
from secmon.core.model import Clock, Sla
from secmon.loading.channels import ChannelSetup
from secmon.loading.problems import Place
from secmon.loading.secrets import Secrets, check_file, check_secret
from secmon.settings import Http, Metrics, SiteFile, SlaEntry, Tls
from secmon.settings.values import Listen


def sla(entry: SlaEntry, standard: Sla, place: Place) -> Sla:
    """The site's times, the standard's where it names none; never weaker than 5.1.1."""
    times = {}
    for clock in Clock:
        longest = getattr(standard, clock)
        chosen = getattr(entry, clock)
        if chosen is not None and chosen > longest:
            place.at("site", "sla", clock).wrong(
                f"expected at most {written(longest)}, by DB33/T 830-2011, 5.1.1 "
                f"(got {written(chosen)})"
            )
        times[clock.value] = chosen or longest
    return Sla(**times)


def listeners(file: SiteFile, place: Place) -> None:
    """Nothing is offered off loopback in clear text, unless the site file says so."""
    http, metrics = file.http, file.metrics
    if not _safe(http.listen, http):
        _tell(http.listen, "tls, trusted_proxies or insecure: true", place.at("http", "listen"))
    if metrics.listen == http.listen:
        if metrics.tls is not None:
            place.at("metrics", "tls").wrong(
                "expected none: metrics.listen is http.listen, which has its own (got tls)"
            )
    elif not _safe(metrics.listen, metrics):
        _tell(metrics.listen, "tls or insecure: true", place.at("metrics", "listen"))


def _safe(listen: Listen, section: Http | Metrics) -> bool:
    behind = isinstance(section, Http) and bool(section.trusted_proxies)
    return listen.loopback or section.tls is not None or behind or section.insecure


def _tell(listen: Listen, choice: str, place: Place) -> None:
    place.wrong(f"expected a loopback address, or {choice} beside it (got {listen})")


def links(file: SiteFile, told: Sequence[ChannelSetup], place: Place) -> None:
    """What people are told should let them act."""
    people = [one.id for one in told if one.notifier.for_people]
    where = place.at("http", "public_url")
    if people and not file.http.public_url:
        where.doubt(
            f"expected an address like https://secmon.example.org, for messages of "
            f"{', '.join(people)} to carry a link (got none)"
        )
    elif people and file.http.public_url.startswith("http:"):
        where.doubt("expected https: over http anybody on the way can use the links")


def secrets_and_files(file: SiteFile, secrets: Secrets, place: Place) -> None:
    """Tokens can be had, certificates and keys can be read."""
    check_secret(secrets, file.metrics.token, place.at("metrics", "token"))
    sections: dict[str, Tls | None] = {"http": file.http.tls, "metrics": file.metrics.tls}
    for name, tls in sections.items():
        if tls is not None:
            check_file(secrets, tls.certificate, place.at(name, "tls", "certificate"))
            check_file(secrets, tls.key, place.at(name, "tls", "key"))
