"""The postmortem and the drafts come from the folder alone, and every sentence names a line that is there."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from meshdoctor.diagnosis import judge
from meshdoctor.model.networking import VirtualService
from meshdoctor.model.story import Story
from meshdoctor.reports import story as stories
from meshdoctor.triage import freeze, incident
from meshdoctor.triage.comms import AUDIENCES, Audience, draft
from meshdoctor.triage.incident import Incident
from meshdoctor.triage.postmortem import postmortem
from meshdoctor.triage.temporary import register
from tests.conftest import NOW, build
from tests.probes import things as t
from tests.screens.conftest import FAULTY

OPEN = t.all_of(
    t.virtual_service("shop/cart", hosts=["cart"], http=[{"fault": {"abort": {"httpStatus": 503}}, **t.to("cart")}]),
    t.virtual_service("shop/copy", hosts=["copy"], http=[{"mirror": {"host": "shadow"}, **t.to("cart")}]),
    t.thing(
        "security.istio.io/v1",
        "PeerAuthentication",
        "bank/ledger",
        {"selector": {"matchLabels": {"app": "ledger"}}, "portLevelMtls": {"8080": {"mode": "PERMISSIVE"}}},
        annotations={"owner": "team-ledger"},
    ),
    t.thing(
        "admissionregistration.k8s.io/v1",
        "ValidatingWebhookConfiguration",
        "istio-validator",
        webhooks=[{"name": "rev.validation.istio.io", "failurePolicy": "Ignore"}],
    ),
    t.thing(
        "apps/v1",
        "Deployment",
        "shop/cart",
        {"template": {"metadata": {"annotations": {"sidecar.istio.io/logLevel": "debug"}}, "spec": {"containers": []}}},
    ),
)


def whole(folder: Path) -> Incident:
    """An incident from its title to being over."""
    mesh = build(FAULTY + OPEN)
    found = judge(mesh)
    cause = next(c for c in found.causes if c.problem == "MTL-002")
    made = freeze.opened(incident.create(folder, "<b>503</b> in [shop](http://evil)", at=NOW), mesh, found)
    made = made.add("note", "symptoms", "since noon", at=NOW + timedelta(minutes=1))
    made = made.add("cause", "checks", cause.summary, at=NOW + timedelta(minutes=4), of=freeze.key_of(cause))
    made = made.add("action", "actions", "removed the rule", at=NOW + timedelta(minutes=9))
    made = made.add("message", "comms", "told: Incident channel", at=NOW + timedelta(minutes=10), next_minutes=30)
    healed = build(t.thing("v1", "Namespace", "shop"), now=NOW + timedelta(minutes=12))
    return freeze.looked(made, healed, judge(healed), at=healed.now)


def sourced(story: Story, made: Incident) -> None:
    """Every sentence names a line that exists."""
    lines = {f"timeline {e.line}" for e in made.timeline.entries} | {f"evidence {e.line}" for e in made.evidence.entries}
    assert story.statements
    assert {s.source for s in story.statements} <= lines


def test_every_sentence_has_a_source_that_is_there(tmp_path: Path) -> None:
    made = whole(tmp_path)
    sourced(postmortem(made), made)
    told = stories.text(postmortem(incident.read(made.folder)))
    assert "To identify took 4 min" in told
    assert "The cause was first seen gone 12 min" in told
    assert "removed the rule" in told


@pytest.mark.parametrize("audience", list(AUDIENCES))
def test_drafts_are_facts_with_sources(tmp_path: Path, audience: Audience) -> None:
    made = whole(tmp_path)
    story = draft(made, audience, NOW)
    sourced(story, made)
    assert "State: over" in stories.text(story)


def test_an_incident_with_nothing_in_it_claims_nothing(tmp_path: Path) -> None:
    made = incident.create(tmp_path, "x", at=NOW)
    sourced(postmortem(made), made)
    told = stories.text(postmortem(made))
    assert "no impact is known" in told
    assert not re.search(r"\b0 (workloads|requests)", told)
    folder = tmp_path / "incident-20260801T120000-abcd"
    folder.mkdir()
    assert postmortem(incident.read(folder)).statements == ()


def test_text_of_people_and_mesh_is_no_markup(tmp_path: Path) -> None:
    story = postmortem(whole(tmp_path))
    assert "<b>" not in stories.html(story)
    assert "](http" not in stories.markdown(story)


def test_what_is_temporary_is_listed_with_owner_and_place() -> None:
    held = register(build(FAULTY + OPEN))
    told = {(e.what, e.subject.name): e for e in held.open}
    assert set(told) == {
        ("fault injection", "cart"),
        ("mirror", "copy"),
        ("plain text allowed", "ledger"),
        ("failurePolicy Ignore", "istio-validator"),
        ("log level", "cart"),
    }
    ledger = told["plain text allowed", "ledger"]
    assert (ledger.who, ledger.path) == ("team-ledger", "spec.portLevelMtls[8080].mode")
    assert ledger.since is not None


def test_kinds_that_could_not_be_read_are_said() -> None:
    held = register(build(OPEN, unseen=[VirtualService]))
    assert [s.name for s in held.unseen] == ["virtualservices.networking.istio.io"]
    assert "plain text allowed" in {e.what for e in held.open}


def paused(*texts: str) -> set[tuple[str, str]]:
    return {(e.subject.name, e.path) for e in register(build(t.all_of(*texts))).open if e.what == "self-heal paused"}


def application(name: str, automated: dict[str, object] | None, **more: object) -> str:
    policy = {"syncPolicy": {"automated": automated}} if automated is not None else {}
    return t.thing("argoproj.io/v1alpha1", "Application", f"argocd/{name}", policy, **more)


HEALING = [application(f"well-{n}", {"selfHeal": True}) for n in range(3)]


def test_paused_self_heal_of_argo_is_temporary_where_healing_is_usual() -> None:
    odd = (application("manual", None), application("no-heal", {"prune": True}))
    assert paused(*HEALING, *odd) == {("manual", "spec.syncPolicy"), ("no-heal", "spec.syncPolicy.automated.selfHeal")}
    assert paused(*odd) == set(), "where none heals that is how they work"
    off = application("off", {"selfHeal": True, "enabled": False})
    skipped = application("skipped", {"selfHeal": True}, annotations={"argocd.argoproj.io/skip-reconcile": "true"})
    assert {name for name, _ in paused(off, skipped)} == {"off", "skipped"}


def test_paused_reconciling_of_flux_is_temporary() -> None:
    suspended = t.thing("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "flux-system/mesh", {"suspend": True})
    release = t.thing("helm.toolkit.fluxcd.io/v2", "HelmRelease", "flux-system/istiod", {"suspend": True})
    runs = t.thing("helm.toolkit.fluxcd.io/v2", "HelmRelease", "flux-system/base", {"suspend": False})
    alone = {"kustomize.toolkit.fluxcd.io/reconcile": "disabled"}
    rule = t.thing("networking.istio.io/v1", "DestinationRule", "shop/pay", {"host": "pay"}, annotations=alone)
    assert {name for name, _ in paused(suspended, release, runs, rule)} == {"mesh", "istiod", "pay"}
