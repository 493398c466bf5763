"""Policies and requests by chance, from one seed: combinations that nobody would think of."""

from __future__ import annotations

import random
from typing import Any

from tests.rig.authorization.cases import Case

SOURCE: dict[str, tuple[str, ...]] = {
    "principals": ("cluster.local/ns/shop/sa/cart", "cluster.local/ns/shop/*", "*/sa/storefront", "*", "*/ns/shop/sa/cart"),
    "namespaces": ("shop", "s*", "*op", "bank", "*"),
    "serviceAccounts": ("shop/cart", "shop/storefront", "cart"),
    "ipBlocks": ("10.244.0.0/16", "192.0.2.0/24"),
    "remoteIpBlocks": ("203.0.113.0/24", "10.244.0.0/16"),
    "requestPrincipals": ("*", "one/alice", "*/bob", "two/*"),
    "trustDomains": ("cluster.local", "*.local", "other", "*"),
}
OPERATION: dict[str, tuple[str, ...]] = {
    "methods": ("GET", "POST", "P*", "*T", "*"),
    "paths": ("/", "/a", "/a*", "*.html", "/a/{*}", "/{**}", "*"),
    "ports": ("8080", "8078", "80"),
    "hosts": ("APP.meshdoctor-authz:80", "app*", "*:80", "*", "*.example.com"),
}
WHEN: dict[str, tuple[str, ...]] = {
    "request.headers[x-team]": ("red", "r*", "*d", "*"),
    "source.principal": SOURCE["principals"],
    "source.namespace": SOURCE["namespaces"],
    "source.ip": SOURCE["ipBlocks"],
    "remote.ip": SOURCE["remoteIpBlocks"],
    "destination.port": ("8080", "8078"),
    "destination.ip": ("10.244.0.0/16", "192.0.2.1"),
    "connection.sni": ("outbound_.80_*", "*", "*.cluster.local"),
    "request.auth.claims[groups]": ("red", "b*", "*"),
    "request.auth.audiences": ("other", "*"),
}
ASKED = (
    "cart GET /",
    "cart POST /a",
    "cart GET /a/b -t groups",
    "cart PUT /x.html -H x-team:red",
    "storefront GET /a?b=c",
    "storefront DELETE /a/ -t twobob",
    "report GET / -H X-Forwarded-For:203.0.113.7",
    "report POST /a.html -H Host:www.example.com",
    "report GET /a -t audiences",
    "cart tcp",
    "storefront tcp",
    "report tcp",
)


def chosen(seed: int, number: int) -> list[Case]:
    """So many cases; the same ones for the same seed."""
    dice = random.Random(seed)
    return [Case(f"by chance {seed}/{n}", tuple(_policies(dice)), tuple(dice.sample(ASKED, 8))) for n in range(number)]


def _policies(dice: random.Random) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = [{"kind": "jwt", "issuers": [{"issuer": "one"}, {"issuer": "two"}]}]
    for _ in range(dice.choice((1, 1, 2, 3))):
        action = dice.choice(("ALLOW", "ALLOW", "DENY", "DENY", "AUDIT"))
        made.append({"action": action, "rules": [_rule(dice) for _ in range(dice.choice((1, 1, 2)))]})
        if action != "AUDIT" and dice.random() < 0.1:
            made[-1]["dry"] = "true"
    return made


def _rule(dice: random.Random) -> dict[str, Any]:
    rule: dict[str, Any] = {}
    if dice.random() < 0.6:
        rule["from"] = [{"source": _lists(dice, SOURCE)} for _ in range(dice.choice((1, 1, 2)))]
    if dice.random() < 0.6:
        rule["to"] = [{"operation": _lists(dice, OPERATION)} for _ in range(dice.choice((1, 1, 2)))]
    if dice.random() < 0.4:
        key = dice.choice(list(WHEN))
        rule["when"] = [{"key": key, dice.choice(("values", "notValues")): _some(dice, WHEN[key])}]
    return rule


def _lists(dice: random.Random, fields: dict[str, tuple[str, ...]]) -> dict[str, list[str]]:
    names = dice.sample(list(fields), dice.choice((1, 1, 2)))
    if "serviceAccounts" in names:  # beside which the others are not taken
        names = ["serviceAccounts"]
    return {n if dice.random() < 0.7 else f"not{n[0].upper()}{n[1:]}": _some(dice, fields[n]) for n in names}


def _some(dice: random.Random, values: tuple[str, ...]) -> list[str]:
    return dice.sample(values, dice.choice((1, 1, 2)))
