"""What is foretold of manifests against what a real mesh becomes by them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from meshdoctor.cli import main
from meshdoctor.collect.files import objects
from meshdoctor.istio.changes.every import effects
from meshdoctor.library import load
from meshdoctor.model.changes import AnyChange
from tests.rig.conftest import kubectl, until

pytestmark = pytest.mark.rig
MANIFESTS = """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: preview, namespace: shop}
spec: {mtls: {mode: STRICT}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: preview, namespace: shop}
spec:
  hosts: [cart]
  exportTo: ["."]
  http:
  - match: [{uri: {prefix: /nowhere}}]
    directResponse: {status: 418}
  - route: [{destination: {host: cart}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: preview, namespace: legacy}
spec: {selector: {matchLabels: {app: report}}, rules: [{from: [{source: {namespaces: [bank]}}]}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: preview, namespace: bank}
spec: {host: catalog.shop.svc.cluster.local, subsets: [{name: v9, labels: {version: v9}}]}
"""


@pytest.fixture
def applied(kubeconfig: str, sound: None) -> Iterator[tuple[tuple[AnyChange, ...], tuple[AnyChange, ...]]]:
    """(foretold, actual) effects of the manifests, which are there until the test ends.

    A list comes from the API server's watch cache, which knows of an object a moment after it was written.
    """
    before = load(kubeconfig=kubeconfig)
    foretold, blind = effects(before, before.overlaid(objects(MANIFESTS)))
    assert not blind
    try:
        kubectl(kubeconfig, "apply", "-f", "-", stdin=MANIFESTS)
        yield (
            foretold,
            until(lambda: effects(before, load(kubeconfig=kubeconfig))[0], lambda actual: actual == foretold, seconds=30),
        )
    finally:
        kubectl(kubeconfig, "delete", "--ignore-not-found", "-f", "-", stdin=MANIFESTS)


def routes_of_a_proxy(kubeconfig: str) -> str:
    pod = kubectl(kubeconfig, "get", "pods", "-n", "shop", "-l", "app=storefront", "-o", "name").split()[0]
    path = "config_dump?resource=dynamic_route_configs"
    return kubectl(kubeconfig, "exec", "-n", "shop", pod, "-c", "istio-proxy", "--", "pilot-agent", "request", "GET", path)


def test_a_mesh_becomes_what_was_foretold(kubeconfig: str, applied: tuple[tuple[AnyChange, ...], tuple[AnyChange, ...]]) -> None:
    foretold, actual = applied
    assert foretold == actual
    kinds = [type(c).__name__ for c in foretold]
    assert (kinds.count("MtlsChange"), set(kinds)) == (5, {"MtlsChange", "RouteChange", "DestinationChange"})
    routes = until(lambda: routes_of_a_proxy(kubeconfig), lambda routes: "418" in routes and "/nowhere" in routes)
    assert "418" in routes  # the proxies do it, too
    assert "/nowhere" in routes


@pytest.mark.usefixtures("sound")
def test_what_is_there_already_changes_nothing(
    kubeconfig: str, capsys: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    kinds = "virtualservices,destinationrules,gateways.networking.istio.io,sidecars,peerauthentications,authorizationpolicies,serviceentries"
    file = tmp_path_factory.mktemp("preview") / "all.yaml"
    file.write_text(kubectl(kubeconfig, "get", kinds, "-A", "-o", "yaml"))
    capsys.readouterr()
    main(["check", "--live", "--kubeconfig", kubeconfig, "-o", "json", str(file)])
    changes = json.loads(capsys.readouterr().out)["changes"]
    assert {o["state"] for o in changes["objects"]} == {"same"}
    assert (changes["effects"], changes["blind"], changes["findings"]["added"], changes["findings"]["gone"]) == ([], [], [], [])
