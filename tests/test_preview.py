"""What manifests change on a mesh, as `meshdoctor check` prints it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from meshdoctor.cli import main
from meshdoctor.collect.files import objects
from meshdoctor.collect.reading.given import read_text
from meshdoctor.diagnosis import judge
from meshdoctor.model.changes import FindingChanges
from meshdoctor.model.cluster import Service
from meshdoctor.model.findings import Diagnosis
from meshdoctor.model.networking import VirtualService
from meshdoctor.model.security import PeerAuthentication
from meshdoctor.preview import finding_changes, preview
from meshdoctor.reports import html, markdown, schema, text
from tests.conftest import NOW, build
from tests.istio.changing import DOOR, SHOP, rule, security
from tests.probes.things import deployment, service, thing, virtual_service
from tests.reports.diagnoses import HOSTILE

STRICT = security("PeerAuthentication", "shop/default", mtls={"mode": "STRICT"})
ROUTE = virtual_service("shop/cart", hosts=["cart"], http=[rule("cart", "/items")])


def diagnosis(mesh: str, manifests: str) -> Diagnosis:
    before, given = build(mesh), read_text(manifests, name="a.yaml")
    after = before.overlaid(given.things, manifests=given.manifests, complaints=given.complaints)
    found = judge(after)
    changes = preview(before, after, given.things, finding_changes(judge(before), found))
    return msgspec.structs.replace(found, changes=changes)


def states(mesh: str, manifests: str) -> dict[str, str]:
    changes = diagnosis(mesh, manifests).changes
    assert changes
    return {f"{o.subject.kind} {o.subject.name}": o.state for o in changes.objects}


def test_objects_are_new_changed_or_as_they_are() -> None:
    mesh = SHOP + STRICT
    assert states(mesh, STRICT + ROUTE) == {"PeerAuthentication default": "same", "VirtualService cart": "new"}
    assert states(mesh, STRICT.replace("STRICT", "DISABLE")) == {"PeerAuthentication default": "changed"}
    labelled = STRICT.replace("metadata:", "metadata:\n  labels: {team: a}")
    assert states(mesh, labelled) == {"PeerAuthentication default": "changed"}


def test_defaults_of_the_api_are_no_change() -> None:
    api = "gateway.networking.k8s.io/v1"
    parent = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "web"}
    whole = {
        "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
        "backendRefs": [{"group": "", "kind": "Service", "name": "cart", "port": 80, "weight": 1}],
    }
    live = thing(api, "HTTPRoute", "shop/web", {"parentRefs": [parent], "rules": [whole]})
    short = thing(
        api, "HTTPRoute", "shop/web", {"parentRefs": [{"name": "web"}], "rules": [{"backendRefs": [{"name": "cart", "port": 80}]}]}
    )
    assert states(SHOP + live, short) == {"HTTPRoute web": "same"}
    assert states(
        SHOP + service("shop/late", spec={"type": "ClusterIP"}), service("shop/late").replace("clusterIP: 10.0.0.1", "")
    ) == {"Service late": "same"}
    assert states(SHOP + service("shop/late"), service("shop/late", app="other")) == {"Service late": "changed"}


def test_fields_that_are_not_read_are_told_of() -> None:
    live = virtual_service("shop/cart", hosts=["cart"], http=[rule("cart")])
    found = diagnosis(SHOP + live, virtual_service("shop/cart", hosts=["cart"], http=[rule("cart", novel=1)]))
    assert found.changes
    assert [(o.state, o.not_compared) for o in found.changes.objects] == [("same", ("spec.http[0].novel",))]
    for form in (text.findings, markdown.findings, html.findings):
        assert "novel" in form(found)
        assert "change nothing:" not in form(found)


def test_fields_that_are_not_read_are_held_against_the_live_object_where_it_is_known() -> None:
    live = virtual_service("shop/cart", hosts=["cart"], http=[rule("cart", novel={"a": 1}, old=2)])
    before = build(SHOP + live)
    before.manifests = read_text(live).manifests
    for novel, wanted in (({"a": 1}, ("spec.http[0].old",)), ({"a": 2}, ("spec.http[0].novel", "spec.http[0].old"))):
        given = read_text(virtual_service("shop/cart", hosts=["cart"], http=[rule("cart", novel=novel)]))
        (found,) = preview(before, before.overlaid(given.things, manifests=given.manifests), given.things, FindingChanges()).objects
        assert (found.state, tuple(sorted(found.not_compared))) == ("changed", wanted)
    given = read_text(live)
    assert preview(before, before.overlaid(given.things, manifests=given.manifests), given.things, FindingChanges()).is_none


def test_what_the_api_server_keeps_is_kept() -> None:
    applied = "kubectl.kubernetes.io/last-applied-configuration"
    live = thing(
        "security.istio.io/v1",
        "PeerAuthentication",
        "shop/a",
        {},
        labels={"old": "1", "theirs": "1"},
        annotations={applied: '{"metadata": {"labels": {"old": "1"}}}'},
    )
    mesh = build(live + service("shop/cart", status={"loadBalancer": {"ingress": [{"ip": "10.9.9.9"}]}}))
    new = thing("security.istio.io/v1", "PeerAuthentication", "shop/a", {}, labels={"mine": "1"}, created="2001-01-01T00:00:00Z")
    after = mesh.overlaid(
        objects(
            new
            + service("shop/cart")
            + thing("security.istio.io/v1", "PeerAuthentication", "shop/b", {}, created="2001-01-01T00:00:00Z")
        )
    )
    kept, born = after[PeerAuthentication].get("shop", "a"), after[PeerAuthentication].get("shop", "b")
    balanced = after[Service].get("shop", "cart")
    assert kept
    assert born
    assert balanced
    before = mesh[PeerAuthentication].get("shop", "a")
    assert before
    assert (kept.created, kept.labels) == (before.created, {"theirs": "1", "mine": "1"})
    assert (born.created, balanced.addresses) == (NOW, ("10.9.9.9",))


def test_a_kind_that_was_denied_stays_unseen() -> None:
    before = build(SHOP, unseen=[VirtualService])
    after = before.overlaid(objects(ROUTE))
    assert after.state(VirtualService) == "denied"
    found = preview(before, after, list(objects(ROUTE)), finding_changes(judge(before), judge(after)))
    assert (found.objects, found.is_none) == ((), False)
    assert {b.about for b in found.blind} >= {"VirtualService shop/cart", "routes"}


def test_findings_are_added_gone_or_as_before() -> None:
    broken = virtual_service("shop/lost", hosts=["lost.example"], http=[rule("nobody.shop.svc.cluster.local")])
    mended = virtual_service("shop/lost", hosts=["lost.example"], http=[rule("cart.shop.svc.cluster.local")])
    for mesh, manifests, wanted in (
        (SHOP, broken, (True, False, False)),
        (SHOP + broken, mended, (False, True, False)),
        (SHOP + broken, broken, (False, False, True)),
    ):
        found = diagnosis(mesh, manifests)
        assert found.changes
        told = found.changes.findings
        codes = {f.id: f.problem for f in found.findings}
        ours = ([codes[i] for i in told.added], [g.problem for g in told.gone], [codes[i] for i in told.same])
        assert tuple("RT-001" in some for some in ours) == wanted


def test_a_service_that_comes_with_its_workload_lacks_no_endpoints() -> None:
    late = service("shop/late")
    for manifests, lacks in ((late + deployment("shop/late", {"app": "late"}), False), (late, True)):
        problems = {f.problem for f in diagnosis(SHOP, manifests).findings if f.subject.name == "late"}
        assert ("RT-022" in problems) == lacks


def test_text_is_worst_first_and_fits_80_columns() -> None:
    said = text.findings(diagnosis(SHOP + DOOR, STRICT + ROUTE), width=80)
    lines = said.splitlines()
    assert lines[0] == "What the manifests change: 2 new"
    assert "  − PERMISSIVE -> STRICT: plain text is refused (PeerAuthentication" in lines
    assert "  Deployment shop/cart, Deployment shop/catalog" in lines
    assert max(map(len, lines[: lines.index("")])) <= 80
    routes = lines.index("Routes")
    assert [x[:3] for x in lines[routes + 1 :] if x[:3] in ("  −", "  ~")][:2] == ["  −", "  ~"]


def test_no_change_is_said_as_such() -> None:
    for form in (text.findings, markdown.findings, html.findings):
        assert "change nothing" in form(diagnosis(SHOP + STRICT, STRICT))
    nothing = diagnosis(SHOP + STRICT, STRICT).changes
    assert nothing
    assert nothing.is_none
    other = STRICT.replace("metadata:", "metadata:\n  labels: {team: a}")
    assert "No route, mutual TLS mode" in text.findings(diagnosis(SHOP + STRICT, other), width=200)


def test_hostile_names_stay_text() -> None:
    name = HOSTILE.encode("unicode_escape").decode().replace('"', "")
    hostile = virtual_service(
        "shop/cart", hosts=["cart"], http=[{"match": [{"uri": {"prefix": "/" + HOSTILE}}], "directResponse": {"status": 200}}]
    )
    found = diagnosis(
        SHOP, hostile + thing("security.istio.io/v1", "PeerAuthentication", f"shop/{name}", {"mtls": {"mode": "STRICT"}})
    )
    page, comment, plain = html.findings(found), markdown.findings(found), text.findings(found)
    assert "</script>" not in page
    assert "](http" not in comment
    assert "\x1b" not in page + comment + plain + schema.encode(schema.findings(found))


def test_json_fits_the_published_schema() -> None:
    told = json.loads(schema.encode(schema.findings(diagnosis(SHOP + DOOR, STRICT + ROUTE))))
    jsonschema.validate(told | {"schema": schema.DIAGNOSIS, "causes": []}, schema.published())
    assert {e["kind"] for e in told["changes"]["effects"]} == {"mtls", "route"}
    assert [o["state"] for o in told["changes"]["objects"]] == ["new", "new"]


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.chdir(tmp_path)

    def run(text: str, *arguments: str) -> tuple[int, str]:
        Path("a.yaml").write_text(text)
        code = main(["check", "a.yaml", *arguments])
        return code, capsys.readouterr().out

    return run


def test_over_a_recorded_mesh(check: Any) -> None:
    code, out = check(STRICT, "--demo", "healthy", "-o", "json")
    found = json.loads(out)
    assert (code, found["changes"]["findings"]["gone"], found["changes"]["blind"]) == (0, [], [])
    assert {(e["kind"], e["before"], e["after"]) for e in found["changes"]["effects"]} == {("mtls", "PERMISSIVE", "STRICT")}
    assert "Mutual TLS" in check(STRICT, "--demo", "healthy")[1]
    assert json.loads(check(STRICT, "-o", "json")[1])["changes"] is None


def test_an_unreachable_mesh_is_not_compared(check: Any, tmp_path: Path) -> None:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "a",
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
    }
    config |= {"clusters": [{"name": "a", "cluster": {"server": "http://127.0.0.1:1"}}], "users": [{"name": "a", "user": {}}]}
    (tmp_path / "config").write_text(json.dumps(config))
    code, out = check(STRICT, "--live", "--kubeconfig", "config", "-o", "json")
    assert (code, json.loads(out)["changes"]) == (3, None)
