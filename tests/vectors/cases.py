"""Other tools' test cases as Meshes. They are read where they lie (MESHDOCTOR_VECTORS) and are never copied here."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from meshdoctor.collect.files import mesh_of
from meshdoctor.collect.files import objects as typed
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.errors import UsageError
from meshdoctor.model.findings import Cluster, Finding, Status
from meshdoctor.model.istiod import MeshConfig
from meshdoctor.model.manifest import Manifest
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.subject import Subject
from probes.runner import run

ROOT = Path(__file__).parents[2]
VECTORS = (ROOT / os.environ.get("MESHDOCTOR_VECTORS", "../shared/vectors")).resolve()
Said = tuple[str, str, str, str]  # code, kind, namespace/name, path
SYSTEM = {"kube-system", "kube-public", "kube-node-lease", "local-path-storage"}


def read(name: str) -> Any:
    """A JSON file of the folder; an empty list where the folder is absent (the tests then skip with the reason)."""
    path = VECTORS / name
    return json.loads(path.read_text()) if path.exists() else []


def must_be_there() -> None:
    if not VECTORS.exists():
        pytest.skip(f"no test cases of other tools at {VECTORS}")


def objects_in(paths: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """The objects of some files; documents that do not parse end their file, as they do upstream."""
    for path in paths:
        try:
            for document in yaml.load_all(path.read_text(), Loader=yaml.CSafeLoader):
                if isinstance(document, dict):
                    document.setdefault("metadata", {}).setdefault("name", "")
                    yield document
        except yaml.YAMLError:
            continue


def mesh_from(objects: Iterable[dict[str, Any]], **more: Any) -> Mesh:
    """What does not fit its kind is left out: that is a finding of its own."""
    return mesh_of("\n---\n".join(t for o in objects if fits(t := json.dumps(o, default=str))), **more)


def things_from(objects: Iterable[dict[str, Any]]) -> list[KubernetesObject]:
    """The same objects typed, to make many meshes of them."""
    texts = (json.dumps(o, default=str) for o in objects)
    return [thing for text in texts if fits(text) for thing in typed(text)]


def manifests_of(objects: Iterable[dict[str, Any]]) -> list[Manifest]:
    """The objects as they were written: what the rules of fields judge."""
    made = []
    for body in objects:
        group, _, _ = str(body["apiVersion"]).rpartition("/")
        metadata = body["metadata"]
        subject = Subject(group, body["kind"], str(metadata.get("namespace") or ""), str(metadata["name"]))
        made.append(Manifest(subject=subject, api_version=body["apiVersion"], body=body))
    return made


def fits(text: str) -> bool:
    try:
        return bool(list(typed(text))) or True
    except UsageError:
        return False


def found(mesh: Mesh) -> tuple[Finding, ...]:
    """All findings of all rules; a rule that crashes fails the case."""
    findings, _ = run(mesh)
    crashed = [f.summary for f in findings if f.status is Status.ERROR]
    assert not crashed, crashed
    return findings


def said(findings: Iterable[Finding], codes: Iterable[str]) -> Counter[Said]:
    """How often each code is said of which object at which path."""
    wanted = set(codes)
    return Counter(
        (code, f.subject.kind, f"{f.subject.namespace}/{f.subject.name}", f.path.replace(".", "/"))
        for f in findings
        for code in set(f.codes) & wanted
    )


def difference(expected: Counter[Any], actual: Counter[Any]) -> str:
    """What is missing and what is too much; empty where they agree."""
    lines = [f"missing {n} x {what}" for what, n in sorted((expected - actual).items())]
    return "\n".join(lines + [f"too much {n} x {what}" for what, n in sorted((actual - expected).items())])


def mesh_config(text: str | None = None, **fields: Any) -> MeshConfig:
    read_config = yaml.safe_load(text) if text else {}
    return msgspec.convert(read_config | fields, MeshConfig, strict=False)


def named(kind: str, name: str, namespace: str = "", *, api: str = "v1", **body: Any) -> dict[str, Any]:
    where = {"namespace": namespace} if namespace else {}
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, **where}, **body}


def in_cluster(domain: str, context: str = "test") -> Cluster:
    return Cluster(context=context, domain=domain)
