"""Where a request comes from: its client's address, its scheme, the page that sent it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from aiohttp import web

Networks = Sequence[IPv4Network | IPv6Network]


def networks(texts: Iterable[str]) -> list[IPv4Network | IPv6Network]:
    """`http.trusted_proxies` of the site file."""
    return [ip_network(text, strict=False) for text in texts]


def client_of(request: web.Request, proxies: Networks) -> str:
    """The client's address: the last one in X-Forwarded-For that a trusted proxy vouches for."""
    address = request.remote or "?"
    said = ",".join(request.headers.getall("X-Forwarded-For", ())).split(",")
    while said and _within(address, proxies):
        before = said.pop().strip()
        if not before:
            break
        address = before[:64]
    return address


def neighbourhood(address: str) -> str:
    """What guesses are counted by: of IPv6 the /64, for whoever has one has all of it."""
    try:
        known = ip_address(address)
    except ValueError:
        return address
    if not isinstance(known, IPv6Address) or known.ipv4_mapped is not None:
        return address
    return str(ip_network((known, 64), strict=False))


def scheme_of(request: web.Request, proxies: Networks) -> str:
    """`https` if the browser speaks TLS, to us or to a trusted proxy."""
    if request.scheme == "http" and _within(request.remote or "", proxies):
        said = request.headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip().lower()
        return "https" if said == "https" else "http"
    return request.scheme


def same_origin(request: web.Request, proxies: Networks, public_url: str) -> bool:
    """Was it sent by a page of ours? Browsers say so in Origin, newer ones also in Sec-Fetch-Site;
    a request that carries neither was not made by a page at all."""
    site = request.headers.getall("Sec-Fetch-Site", [])
    origin = request.headers.getall("Origin", [])
    if any(one != "same-origin" for one in site) or len(origin) > 1:
        return False
    if not origin:
        return bool(site)
    own = f"{scheme_of(request, proxies)}://{request.host}".lower()
    return origin[0].lower() in (own, public_url)


def _within(address: str, proxies: Networks) -> bool:
    try:
        known = ip_address(address)
    except ValueError:
        return False
    return any(known in network for network in proxies)
