"""Hostile text from a cluster: shown, never obeyed, on every screen."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from meshdoctor.collect.link import Link
from meshdoctor.diagnosis import judge
from meshdoctor.model.findings import Cause, Check, Cluster, Coverage, Diagnosis, Evidence, Finding, Fix, Impact, Status
from meshdoctor.model.istiod import Istiod
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Source, SourceState
from meshdoctor.model.subject import Subject
from screens import registry
from screens.feed import StillFeed
from tests.conftest import NOW, build
from tests.probes import things as t
from tests.screens.conftest import Screen, calm, istiod, opened, sync

HOSTILE = {
    "short": "oops [/] and [/bold] regex [/v1/x] [bold]x[/bold] [@click=app.exit]y[/] \x1b[31mred\x1b[0m \x1b]0;title\x07 "
    "\x1b]52;c;aGk=\x07 user\u202egnp.exe\u2066 \u200bzero a\x00b\x07c\rd\ne\tf\x9b31m 数据面数据面数据面数据面",
    "endless": "n" * 1_000_000,
}


def hostile_mesh(text: str) -> Mesh:
    name = text[:200_000]
    objects = t.all_of(
        t.thing("v1", "Namespace", f"shop{name}".replace("/", "|"), labels={"istio-injection": name}),
        t.pod("istio-d/istiod-7d9-abc12", labels={"app": "istiod", "istio.io/rev": name}, proxy=False),
        t.pod("gw/ingress-7b-aaa", labels={"istio": "ingress"}, gateway=True),
        t.service("gw/ingress", ports="https:443:8443"),
        t.gateway("gw/shop", t.server(443, "HTTPS", name, mode="SIMPLE", credentialName=name)),
        t.thing(
            "admissionregistration.k8s.io/v1",
            "MutatingWebhookConfiguration",
            "injector",
            labels={"app": "sidecar-injector"},
            webhooks=[
                {
                    "name": f"{name}.sidecar-injector.istio.io",
                    "clientConfig": {"url": name, "caBundle": name},
                    "namespaceSelector": {"matchLabels": {name: name}},
                }
            ],
        ),
    )
    silent = Source(name=name, state=SourceState.DENIED, reason=name, command=name)
    replicas = [
        istiod("istiod-7d9-abc12", sync(f"shop/{name}", name)),
        Istiod(namespace="istio-d", name=name, missing={"syncz": silent}),
    ]
    mesh = build(objects, istiods=replicas)
    mesh.cluster = Cluster(context=name, user=name, istio=(name,), root_namespace=name)
    mesh.extra_sources = (silent,)
    mesh.notes = (name,)
    return mesh


def hostile_diagnosis(mesh: Mesh, text: str) -> Diagnosis:
    where = Subject(group="", kind="Pod", namespace="shop", name=text)
    proof = (Evidence(text, text, text, text),)
    finding = Finding(
        id="1",
        code="MD0702",
        problem="MTL-002",
        status=Status.FAIL,
        severity="high",
        subject=where,
        title=text,
        summary=text,
        why=text,
        path=text,
        evidence=proof,
        since=NOW,
    )
    cause = Cause(
        problem="MTL-002",
        code="MD0702",
        title=text,
        summary=text,
        confidence=0.95,
        severity="critical",
        subject=where,
        path=text,
        observed=True,
        since=NOW,
        impact=Impact((text,), 4.0),
        evidence=proof,
        explains=("1",),
        fixes=(Fix("f", text, text, (text,)),),
    )
    checks = (Check(problem=text, code=text, title=text, status=Status.FAIL, reason=text),)
    return Diagnosis(
        cluster=mesh.cluster,
        observed_at=NOW,
        sources=mesh.sources,
        causes=(cause,),
        findings=(finding,),
        checks=checks,
        coverage=Coverage(rules=1, fail=1),
        notes=(text,),
    )


def assert_harmless(shown: str) -> None:
    for character in "\x1b\x07\x00\x9b\u202e\u2066\u200b":
        assert character not in shown


async def go(screen: Screen, entry: registry.Entry) -> None:
    await screen.app.action_go(entry.name)
    await screen.until(lambda: type(screen.app.view) is entry.view)
    await screen.settled()


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
async def test_every_screen_shows_hostile_text_as_text(text: str) -> None:
    mesh = hostile_mesh(text)
    bodies = {
        "/clusters?format=json": b'{"cluster_statuses": [{"name": "[/] x"}]}',
        "/certs": b"[/] not json",
    }
    feed = StillFeed(
        mesh, hostile_diagnosis(mesh, text), Link(state="stale", reason=text), context=text, yaml=text, logs=text, envoy=bodies
    )
    async with opened(feed=feed, size=(120, 40)) as screen:
        for entry in registry.entries():
            await go(screen, entry)
            assert_harmless(screen.text)
            assert "failed:" not in screen.text
            await screen.press("j", "enter")
            assert_harmless(screen.text)
            await screen.press("j", "enter", "question_mark")
            assert_harmless(screen.text)
        screen.app.say(text)
        await calm(screen.pilot)
        assert_harmless(screen.text)


@pytest.mark.parametrize("text", ["oops [/]", "[bold]x[/bold]"])
async def test_markup_is_shown_as_it_was_written(text: str) -> None:
    mesh = hostile_mesh(text)
    feed = StillFeed(mesh, hostile_diagnosis(mesh, text), context="x")
    async with opened(feed=feed) as screen:
        assert text in screen.text
        await screen.press("8")
        assert text in screen.text
        await screen.press("enter", "e")
        await screen.until(lambda: "not in this picture" in screen.flat)


async def test_each_part_of_an_envoy_fails_alone(faulty: Mesh) -> None:
    bodies = {"/clusters?format=json": b'{"cluster_statuses": [{"name": "outbound|80||[/]"}]}', "/certs": b"[/] not json"}
    feed = StillFeed(faulty, judge(faulty), envoy=bodies)
    async with opened(feed=feed, size=(120, 30)) as screen:
        await screen.press("4", "enter")
        await screen.until(lambda: "was not recorded" in screen.flat)
        await screen.press("tab", "tab")
        await screen.until(lambda: "[/]" in screen.text)
        await screen.press("tab", "tab")
        await screen.until(lambda: "ERROR" in screen.text)
        await screen.press("escape")
        assert "POD" in screen.text


ALLOWED = {"Static": set[str](), "Label": set[str](), "notify": set[str]()}


def test_no_widget_is_given_text_that_it_would_parse() -> None:
    """Static, Label and notify read markup: none of our modules gives them anything but a literal."""
    offending = []
    for path in Path("screens").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = (
                node.func.id if isinstance(node.func, ast.Name) else node.func.attr if isinstance(node.func, ast.Attribute) else ""
            )
            if name in ALLOWED and not all(isinstance(a, ast.Constant) for a in node.args):
                offending.append(f"{path}:{node.lineno} {name}")
    assert offending == []
