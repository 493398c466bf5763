"""The state of a namespace, its owner, its exemption, its next step, and what is kept of a scan."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from meshdoctor.cli import main
from meshdoctor.diagnosis import judge
from meshdoctor.model.dryrun import DryRun
from meshdoctor.model.onboarding import Scan
from meshdoctor.model.workloads import Pod
from meshdoctor.onboarding import last
from meshdoctor.onboarding.scan import scan
from meshdoctor.reports import onboarding, schema
from tests.onboarding.sound import BEFORE, World, bare, thing
from tests.served import serving

LATER = "2026-08-01T11:00:00Z"


def labelled_later(w: World) -> None:
    """The namespace got its label after the pods were there, and none was restarted since."""
    w["Namespace/shop"]["metadata"]["managedFields"] = [{"manager": "kubectl-label", "operation": "Update", "time": LATER}]
    for each in w.pods():
        each["spec"]["initContainers"] = []
        each["metadata"]["annotations"] = {}


def missed(w: World) -> None:
    """A pod that came up without sidecar after the namespace had been enrolled for long."""
    w.add(bare("shop/new"))
    w["Pod/new"]["metadata"]["creationTimestamp"] = LATER


def unlabelled(w: World) -> None:
    w["Namespace/shop"]["metadata"]["labels"].pop("istio-injection")
    for each in w.pods():
        each["spec"]["initContainers"] = []
        each["metadata"]["annotations"] = {}


def without_mesh_objects(w: World) -> None:
    for name in ("PeerAuthentication/default", "AuthorizationPolicy/web", "Sidecar/default"):
        w.objects.pop(name)


def permissive(w: World) -> None:
    w.objects.pop("PeerAuthentication/default")


def without_pods(w: World) -> None:
    for name in ("Pod/web-a", "Pod/web-b"):
        w.objects.pop(name)


def says(w: World, label: str = "", annotation: str = "") -> None:
    unlabelled(w)
    meta = w["Namespace/shop"]["metadata"]
    meta["labels"] |= {"istio-injection": label} if label else {}
    meta["annotations"] |= {"meshdoctor.dev/exempt": annotation} if annotation else {}


def one_restarted(w: World) -> None:
    labelled_later(w)
    w["Pod/web-b"]["spec"]["initContainers"] = [{"name": "istio-proxy", "restartPolicy": "Always"}]
    w["Pod/web-b"]["metadata"]["annotations"] = {"istio.io/rev": "default"}


@pytest.mark.parametrize(
    ("change", "state"),
    [
        (lambda w: None, "onboarded"),
        (labelled_later, "enrolling"),
        (one_restarted, "enrolling"),
        (permissive, "enrolling"),
        (without_pods, "enrolling"),
        (missed, "degraded"),
        (lambda w: w["EndpointSlice/istiod-x"].update(endpoints=[]), "degraded"),
        (lambda w: w["VirtualService/web"]["spec"]["http"][0]["route"][0]["destination"].update(host="gone"), "degraded"),
        (unlabelled, "not-enrolled"),
        (lambda w: says(w, label="disabled"), "exempt"),
        (lambda w: says(w, annotation="batch only; until=2026-12-31"), "exempt"),
        (lambda w: says(w, annotation="batch only; until=2026-07-31"), "not-enrolled"),
    ],
)
def test_states(change: Callable[[World], Any], state: str) -> None:
    world = World()
    change(world)
    assert world.result().state == state


def test_an_exemption_that_is_over_is_told() -> None:
    world = World()
    says(world, annotation="batch only; until=2026-07-31")
    without_mesh_objects(world)
    assert "ended on 2026-07-31" in world.check("1").says


def test_the_control_plane_is_exempt() -> None:
    assert World().result(name="istio-d").state == "exempt"


def test_a_state_that_cannot_be_known_is_null() -> None:
    result = World().result([Pod])
    assert (result.state, "pods" in result.reason) == (None, True)
    assert msgspec.json.decode(schema.encode(result))["state"] is None


def test_the_owner_is_a_person_before_a_tool_before_a_writer() -> None:
    world = World()
    assert (world.result().owner, world.result().owned_by) == ("buyers", "metadata.annotations[example.com/team]")
    meta = world["Namespace/shop"]["metadata"]
    meta["annotations"] = {"argocd.argoproj.io/tracking-id": "shop:/Namespace:shop"}
    assert world.result().owner == "Argo CD shop:/Namespace:shop"
    meta["annotations"], meta["managedFields"] = {}, [{"manager": "terraform", "operation": "Apply", "time": BEFORE}]
    assert world.result().owner == "written with terraform"


def test_the_next_step_of_who_is_outside_is_the_label_unless_something_stands_in_the_way() -> None:
    world = World()
    unlabelled(world)
    assert world.check("1").problem == "INJ-001"  # its policies show that it belongs to the mesh
    without_mesh_objects(world)
    assert "istio-injection=enabled" in world.result().next
    world.template()["spec"]["securityContext"] = {"runAsUser": 1337}
    assert "1337" in world.result().next


@pytest.mark.parametrize(
    ("tested", "status"),
    [
        (DryRun(namespace="shop", admitted=True, injected=True), "PASS"),
        (DryRun(namespace="shop", admitted=True), "FAIL"),
        (DryRun(namespace="shop", admitted=False, error="violates PodSecurity"), "FAIL"),
    ],
)
def test_a_dry_run_settles_whether_pods_start(tested: DryRun, status: str) -> None:
    mesh = World().mesh()
    mesh.dry_runs = (tested,)
    result = next(n for n in scan(mesh, judge(mesh)).namespaces if n.name == "shop")
    assert next(c.status for c in result.checks if c.id == "8") == status


WORKLOADS = [
    ("Deployment", "apps/v1", {"template": {"spec": {"containers": []}}}),
    ("StatefulSet", "apps/v1", {"template": {"spec": {"containers": []}}}),
    ("DaemonSet", "apps/v1", {"template": {"spec": {"containers": []}}}),
    ("Job", "batch/v1", {"template": {"spec": {"containers": []}}}),
    ("CronJob", "batch/v1", {"jobTemplate": {"spec": {"template": {"spec": {"containers": []}}}}}),
]


def test_every_kind_of_workload_is_listed() -> None:
    world = World()
    for kind, api, spec in WORKLOADS:
        world.add(thing(api, kind, f"shop/a-{kind.lower()}", spec=spec, status={"active": 1} if kind == "Job" else {}))
    world.add(bare("shop/alone"))
    listed = {(w.subject.kind, w.subject.name): w for w in world.result().workloads}
    assert {kind for kind, _ in listed} == {kind for kind, *_ in WORKLOADS} | {"Pod"}
    assert (listed["Deployment", "web"].state, listed["Deployment", "web"].in_mesh) == ("in the mesh", 2)
    assert (listed["Pod", "alone"].state, listed["Pod", "alone"].revision) == ("to restart", "default")
    assert listed["CronJob", "a-cronjob"].revision == "default"


def test_what_opts_out_or_uses_the_hosts_network_is_named_and_not_counted() -> None:
    world = World()
    world.add(bare("shop/out"))
    world["Pod/out"]["metadata"]["labels"]["sidecar.istio.io/inject"] = "false"
    world.add(bare("shop/host", hostNetwork=True))
    states = {w.subject.name: w.state for w in world.result().workloads}
    assert (states["out"], states["host"]) == ("opted out", "host network")
    assert world.check("3").status == "PASS"


def kept(path: Path, found: Scan) -> Scan:
    before = last.read(path)
    last.write(path, found)
    return last.compared(found, before, everything=True)


def test_what_changed_since_the_last_scan(tmp_path: Path) -> None:
    path, world = tmp_path / "scans/x.json", World()
    first = kept(path, world.scan())
    assert (first.since, first.changes) == (None, ())
    permissive(world)
    world.objects.pop("Namespace/gw")
    world.add(thing("v1", "Namespace", "fresh"))
    told = {(c.namespace, c.check): (c.before, c.after) for c in kept(path, world.scan()).changes}
    assert told["shop", ""] == ("onboarded", "enrolling")
    assert told["shop", "12"] == ("PASS", "FAIL")
    assert told["fresh", ""] == (None, "not-enrolled")
    assert told["gw", ""][1] is None
    assert kept(path, world.scan()).changes == ()


def test_the_kept_scan_holds_names_and_verdicts_only(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    last.write(path, World().scan())
    assert path.stat().st_mode & 0o077 == 0
    text = path.read_text()
    assert "kubectl" not in text
    assert set(json.loads(text)["namespaces"]["shop"]) == {"state", "checks"}


def test_a_kept_scan_that_is_broken_is_none(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"namespaces": 7}')
    assert last.read(tmp_path / "x.json") is None


@pytest.mark.parametrize("width", [80, 200])
def test_text_fits_and_is_harmless(width: int) -> None:
    world = World()
    world["Namespace/shop"]["metadata"]["annotations"] = {"team": "\x1b[31mred\u202e"}
    whole = world.scan()
    one = msgspec.structs.replace(whole, namespaces=tuple(n for n in whole.namespaces if n.name == "shop"))
    for text in (onboarding.text(whole, width=width), onboarding.text(one, width=width), onboarding.markdown(whole)):
        assert "\x1b" not in text
        assert "\u202e" not in text
    prose = [row for row in onboarding.text(one, width=width).splitlines() if "$ " not in row]
    assert max(map(len, prose)) <= width


def test_the_command_on_a_recorded_mesh(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with serving(tmp_path, "healthy") as served:
        code = main(["scan", "-o", "json", "--kubeconfig", served.kubeconfig, "-n", "shop", "bank", "-n", "legacy"])
    told = json.loads(capsys.readouterr().out)
    assert (code, told["schema"]) == (2, "meshdoctor.scan/v1")
    assert {n["name"]: n["state"] for n in told["namespaces"]} == {
        "shop": "enrolling",
        "bank": "onboarded",
        "legacy": "not-enrolled",
    }
    assert all(len(n["checks"]) == 35 for n in told["namespaces"])


def test_a_namespace_that_is_none_is_refused_with_near_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scan", "--demo", "healthy", "-n", "shpo"]) == 64
    assert "Near: shop" in capsys.readouterr().err


@pytest.mark.parametrize(("command", "key"), [("scan", "namespaces"), ("gate", "checks")])
def test_json_is_printed_where_the_cluster_is_out_of_reach(
    command: str, key: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with serving(tmp_path, "healthy") as served:
        kubeconfig = served.kubeconfig
    assert main([command, "-o", "json", "--kubeconfig", kubeconfig, "--timeout", "2"]) == 3
    told = json.loads(capsys.readouterr().out)
    assert (told["schema"], told[key]) == (f"meshdoctor.{command}/v1", [])


def test_few_rights_make_states_unknown(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with serving(tmp_path, "healthy") as served:
        served.server.deny("pods")
        assert main(["scan", "-o", "json", "--kubeconfig", served.kubeconfig]) == 3
    told = json.loads(capsys.readouterr().out)["namespaces"]
    assert {n["state"] for n in told} == {None}
