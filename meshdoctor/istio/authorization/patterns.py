"""How one value of a policy's list is held against one fact, for each sort of field.

Sources: istio, pilot/pkg/security/authz (matcher/*.go, model/generator.go: what istiod makes of each value); Envoy's RBAC,
string and URI template matchers.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import Any

SPIFFE = "spiffe://"
_LITERAL = r"a-zA-Z0-9\-._~%!$&'()+,;:@="  # what Envoy takes for a part of a path


def matches(pattern: str, value: str) -> bool:
    """Exact, `*` (anything but nothing), `*suffix` and `prefix*`; a further `*` stands for itself."""
    if pattern == "*":
        return value != ""
    if pattern.startswith("*"):
        return value.endswith(pattern[1:])
    if pattern.endswith("*"):
        return value.startswith(pattern[:-1])
    return pattern == value


def matches_host(pattern: str, host: str) -> bool:
    """As `matches`, whatever the case; a port in the host counts."""
    return pattern == "*" or matches(pattern.lower(), host.lower())


def matches_header(pattern: str, values: tuple[str, ...]) -> bool:
    """As `matches`, but `*` is a header that is there, be it empty. Of one sent several times each value is tried.

    Envoys before 1.37 try them joined by commas.
    """
    return any(pattern == "*" or matches(pattern, value) for value in values)


def glob(pattern: str, text: str) -> bool:
    """Whether a pattern in which each `*` stands for anything covers a whole text. Linear, whatever the pattern."""
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == text
    *middle, last = rest
    if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
        return False
    at, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def in_namespace(pattern: str, principal: str) -> bool:
    """Whether a principal is of a namespace; a `*` may stand anywhere in the pattern."""
    return principal != "" and glob(f"*/ns/{pattern}/*", SPIFFE + principal)


def is_account(name: str, principal: str, own_namespace: str) -> bool:
    """Whether a principal is that of `ACCOUNT` (of the policy's namespace) or `NAMESPACE/ACCOUNT`, of any trust domain."""
    namespace, slash, account = name.partition("/")
    if not slash:
        namespace, account = own_namespace, name
    wanted = rf".+/ns/{re.escape(namespace)}/(.+/|)sa/{re.escape(account)}(/.+)?"
    return re.fullmatch(wanted, principal) is not None


def in_trust_domain(pattern: str, principal: str) -> bool:
    """Whether a principal is of a trust domain: exact, `*` or one `*` at an end."""
    if principal == "":
        return False
    domain, slash, _ = principal.partition("/")
    return pattern == "*" or (slash != "" and glob(pattern, domain))


def in_block(block: str, address: str) -> bool:
    """Whether an address is the one that is written, or in the CIDR block. False where either is none."""
    try:
        network, one = _network(block), ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(one, ipaddress.IPv6Address) and one.ipv4_mapped and network.version == 4:
        one = one.ipv4_mapped
    return one in network


@lru_cache(maxsize=4096)
def _network(block: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(block, strict=False)


def matches_path(pattern: str, path: str) -> bool:
    """Whether a path is matched, its query and fragment left out; `{*}` is one part of it, `{**}` all that follow."""
    bare = re.split(r"[?#]", path, maxsplit=1)[0]
    if "{*}" in pattern or "{**}" in pattern:
        return _template(pattern).fullmatch(bare) is not None
    return matches(pattern, bare)


@lru_cache(maxsize=1024)
def _template(pattern: str) -> re.Pattern[str]:
    parts = pattern.replace("{**}", "**").replace("{*}", "*").lstrip("/").split("/")
    one, rest = f"[{_LITERAL}]+", f"[{_LITERAL}/]*"
    return re.compile("".join("/" + {"*": one, "**": rest}.get(part, re.escape(part)) for part in parts))


def matches_subject(pattern: str, issuer: str, subject: str) -> bool:
    """Whether `ISSUER/SUBJECT` of a token is matched: each half for itself, split at the last slash of the pattern."""
    first, slash, last = pattern.rpartition("/")
    if pattern == "*":
        return bool(issuer and subject)
    if pattern.startswith("*"):
        if not slash:
            return issuer != "" and subject.endswith(pattern[1:])
        return (issuer != "" if first == "*" else issuer.endswith(first[1:])) and subject == last
    if pattern.endswith("*"):
        if not slash:
            return issuer.startswith(pattern[:-1]) and subject != ""
        return issuer == first and (subject != "" if last == "*" else subject.startswith(last[:-1]))
    return (issuer, subject) == ((first, last) if slash else (pattern, ""))


def in_claim(pattern: str, value: Any) -> bool:
    """Whether a claim is that text, or a list with it; numbers and truth values match nothing."""
    values = value if isinstance(value, list) else [value]
    return any(isinstance(v, str) and matches(pattern, v) for v in values)
