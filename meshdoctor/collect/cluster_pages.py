"""`/clusters` of an Envoy in pages of bounded size: patterns of clusters' names, by the first letter of their host.

A host of a cluster takes about 1.2 kB of the answer. Proxies before Envoy 1.35 leave `filter` aside and answer whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from urllib.parse import quote

from meshdoctor.model.cluster import EndpointSlice
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Unseen

WHOLE = "/clusters?format=json"
HOSTS = 600  # of one page
MOST = 8  # pages: what lies above would hold up Envoy for too long
OTHERS = r"^(outbound\|\d*\|[^|]*\|[^a-z0-9]|[^o]|outbound_)"
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


def hosts_by_letter(mesh: Mesh) -> Counter[str]:
    """How many hosts the clusters of a proxy that imports all have, by the first letter of their Service; empty where unseen."""
    found: Counter[str] = Counter()
    try:
        for each in mesh[EndpointSlice]:
            found[each.service[:1]] += len(each.endpoints or ()) * len(each.ports or ())
    except Unseen:
        return Counter()
    return found


def pages(hosts: Mapping[str, int]) -> tuple[str, ...]:
    """The paths that together tell every cluster; none where these would be too many."""
    if sum(hosts.values()) <= HOSTS:
        return (WHOLE,)
    groups, held = [""], 0
    for letter in LETTERS:
        if groups[-1] and held + hosts.get(letter, 0) > HOSTS:
            groups.append("")
            held = 0
        groups[-1] += letter
        held += hosts.get(letter, 0)
    if len(groups) >= MOST or sum(hosts.values()) > HOSTS * MOST:
        return ()
    patterns = [rf"^outbound\|\d*\|[^|]*\|[{group}]" for group in groups]
    return tuple(f"{WHOLE}&filter={quote(p, safe='')}" for p in (*patterns, OTHERS))
