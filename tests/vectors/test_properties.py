"""What holds for any mesh: the order of objects, other namespaces and unrelated objects change no finding; paths exist."""

from __future__ import annotations

import functools
import json
import os
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from meshdoctor.collect.files import mesh_of_objects
from meshdoctor.model.findings import Finding
from probes.registry import all_probes
from tests.vectors.cases import VECTORS, found, mesh_from, must_be_there, named, objects_in, read, things_from

DATA = VECTORS / "kiali" / "testdata"
FOLDER = VECTORS / "istio-analyze"
FILES = sorted(
    {
        DATA / (c.get("objects_file") or c["file"])
        for c in (read("kiali/vectors.json") or {"vectors": []})["vectors"]
        if isinstance(c["file"], str)
    }
    | {FOLDER / f for c in read("istio-analyze/vectors.json") for f in c["inputFiles"]}
)
SHUFFLES = int(os.environ.get("MESHDOCTOR_SHUFFLES", "20"))
OWN = {
    "default",
    "istio-system",
    "kube-system",
    "kube-public",
    "istio",
    "mesh",
    "cluster",
    "local",
    "svc",
}  # names that mean something
# paths that are Kiali's own: a workload, a gateway in a match, addresses, and conditions with their words
KIALIS = re.compile(r"^workload$|\.match\.gateways\[|^spec\.addresses\.value$|^status\.conditions\[\d+\]\.(type|reason)\.")
STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
UNRELATED = [
    named("Namespace", "zz-unrelated"),
    named("Service", "zz-lone", "zz-unrelated", spec={"ports": [{"name": "http", "port": 80}]}),
    named("ServiceAccount", "zz-lone", "zz-unrelated"),
    named("ConfigMap", "zz-lone", "zz-unrelated", data={"a": "b"}),
]


def ids(findings: tuple[Finding, ...]) -> Counter[tuple[str, str]]:
    return Counter((f.id, f.summary) for f in findings if "zz-unrelated" not in (f.subject.namespace, f.subject.name))


@functools.cache
def judged(path: Path) -> tuple[Finding, ...]:
    """What is found of a file's objects, in the order in which they stand there."""
    return found(mesh_from(objects_in([path])))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_order_and_strangers_change_nothing(path: Path) -> None:
    must_be_there()
    objects = list(objects_in([path]))
    names = Counter((o.get("kind"), o["metadata"].get("namespace"), o["metadata"]["name"]) for o in objects)
    if any(n > 1 for n in names.values()):
        pytest.skip("the file has one object twice: which counts is its order")
    expected = ids(judged(path))
    shuffler = random.Random(7)
    assert ids(found(mesh_from(shuffler.sample(objects, len(objects))))) == expected
    things = things_from(objects)  # read once: what the order of documents in a text is, the line above proves
    for _ in range(SHUFFLES - 1):
        shuffler.shuffle(things)
        assert ids(found(mesh_of_objects(things))) == expected
    with_strangers = ids(found(mesh_from([*objects, *UNRELATED])))
    assert {i for i, _ in with_strangers} == {i for i, _ in expected}


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_every_path_exists(path: Path) -> None:
    must_be_there()
    objects = list(objects_in([path]))
    by_tag = {(o.get("kind"), o["metadata"].get("namespace") or "", o["metadata"]["name"]): o for o in objects}
    for finding in judged(path):
        thing = by_tag.get((finding.subject.kind, finding.subject.namespace, finding.subject.name))
        if thing is not None and finding.path and not KIALIS.search(finding.path):
            assert exists(thing, finding.path), (finding.code, str(finding.subject), finding.path)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_codes_are_declared(path: Path) -> None:
    """So that `explain` finds the rule by each of them."""
    must_be_there()
    declared = {p.code: set(p.codes) for p in all_probes()}
    for finding in judged(path):
        assert set(finding.codes) <= declared[finding.code], finding.code


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_names_of_namespaces_mean_nothing(path: Path) -> None:
    must_be_there()
    objects = list(objects_in([path]))
    spaces = {o["metadata"].get("namespace") or "" for o in objects} - OWN - {""}
    if not spaces or spaces & {o["metadata"]["name"] for o in objects if o.get("kind") != "Namespace"}:
        pytest.skip("its namespaces mean something, or are names of objects, whose order may decide")
    word = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, sorted(spaces)))})(?![\w-])")
    renamed = json.loads(word.sub(r"q-\1", json.dumps(objects)))
    after = Counter(re.sub(r"\bq-", "", told(f)) for f in found(mesh_from(renamed)))
    assert after == Counter(told(f) for f in judged(path))


def told(finding: Finding) -> str:
    return f"{finding.code} {finding.codes} {finding.status} {finding.subject} {finding.path} {finding.summary}"


def exists(thing: Any, path: str) -> bool:
    """Whether a path leads somewhere; the last field may be absent where its absence is the finding."""
    steps = [(m[1], m[2]) for m in STEP.finditer(path)]
    for number, (key, index) in enumerate(steps):
        last = number == len(steps) - 1
        if index is not None:
            if not isinstance(thing, list) or int(index) >= len(thing):
                return False
            thing = thing[int(index)]
        elif isinstance(thing, dict):
            rest = path[path.index(key) :]
            dotted = next((k for k in thing if rest.startswith(k) and k != key), None)
            if dotted is not None:
                return True  # a key with dots in it, such as an annotation
            if key not in thing:
                return last or key == "spec"
            thing = thing[key]
        else:
            return last and thing == key  # as Kiali writes it: the field, then its value
    return True
