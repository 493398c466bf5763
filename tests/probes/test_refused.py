"""Proxies that istiod refuses, and proxies that never become ready."""

from __future__ import annotations

import msgspec
import pytest

from meshdoctor.model.istiod import Istiod
from tests.conftest import build, judge, subjects
from tests.probes.test_running import ALL, SOUND, ago, envoy, pod

CHAIN = "Authenticator ClientCertAuthenticator: no verified chain is found"
KUBERNETES = 'Authenticator KubeJWTAuthenticator: failed to validate the JWT from cluster "Kubernetes": '
AUDIENCE = '[invalid bearer token, token audiences ["wrong"] is invalid for the target audiences ["istio-ca"]]'
EXPIRED = "[invalid bearer token, service account token has expired]"
ODD = pod("odd-1", "shop", "odd", "10.1.0.9", ready=False)


def saying(*lines: str) -> Istiod:
    return msgspec.structs.replace(ALL, parts=ALL.parts | {"log": tuple((ago(20), line) for line in lines)})


def refused(why: str, address: str = "10.1.0.9") -> str:
    return f"Failed to authenticate client from {address}:57310: {why}"


@pytest.mark.parametrize(
    ("why", "says"),
    [
        (
            f"{CHAIN}; {KUBERNETES}{AUDIENCE}",
            "istiod refuses odd-1: its token is made for the audience wrong, istiod wants istio-ca",
        ),
        (f"{CHAIN}; {KUBERNETES}{EXPIRED}", "istiod refuses odd-1: its service account token has expired: "),
        (
            f"{CHAIN}; {KUBERNETES}[invalid bearer token]",
            "istiod refuses odd-1: the API server does not accept its service account token",
        ),
        (
            'client claims to be in cluster "east", but we only know about local cluster "Kubernetes" and remote clusters []',
            "istiod refuses odd-1: it says that it is of the cluster east, which istiod does not know",
        ),
        (
            f"{KUBERNETES}the token is not authenticated",
            "istiod refuses odd-1: the API server does not accept its service account token",
        ),
        ("something new", "istiod refuses odd-1: something new"),
    ],
)
def test_istiod_says_why_it_refuses(why: str, says: str) -> None:
    found = judge(build(SOUND + ODD, istiods=[saying(refused(why), refused(why))]), "XDS-006")
    assert subjects(found) == ["Pod shop/odd-1"]
    assert found[0].summary.startswith(says)
    assert found[0].since == ago(20)


@pytest.mark.parametrize(
    "line",
    [
        refused(CHAIN),  # the first authenticator alone: the next one took it
        refused(f"{CHAIN}; {KUBERNETES}{AUDIENCE}", "10.1.0.1"),  # connected and ready since
        refused(f"{CHAIN}; {KUBERNETES}{AUDIENCE}", "10.9.9.9"),  # of no pod that is there
    ],
)
def test_what_istiod_says_of_a_proxy_that_is_well_is_over(line: str) -> None:
    assert judge(build(SOUND + ODD, istiods=[saying(line)]), "XDS-006") == []


REJECTED = "Envoy proxy is NOT ready: config received from XDS server, but was rejected: cds updates: 0 successful, 1 rejected"


@pytest.mark.parametrize(
    ("ready", "started", "line", "is_fault"),
    [
        (False, 600, REJECTED, True),
        (False, 5, REJECTED, False),  # it has only just started
        (True, 600, REJECTED, False),
        (False, 600, "all is well", False),
    ],
)
def test_a_proxy_that_is_not_ready_says_why(ready: bool, started: float, line: str, is_fault: bool) -> None:
    waiting = pod("odd-1", "shop", "odd", "10.1.0.9", ready=ready, started=started)
    found = judge(build(SOUND + waiting, istiods=[ALL], envoys=[envoy("shop/odd-1", lines=(line,))]), "PRX-002")
    assert subjects(found) == ["Pod shop/odd-1"] * is_fault
    assert all(f.summary.startswith("1 proxy of odd-1 is not ready: ") for f in found)
