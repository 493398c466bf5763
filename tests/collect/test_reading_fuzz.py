"""Random text, random YAML and mutilated manifests: reading them may complain, never fail."""

from __future__ import annotations

import os
from typing import Any

import msgspec
import yaml
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from meshdoctor.collect.files import mesh_of_manifests
from meshdoctor.collect.reading.given import read_text
from meshdoctor.collect.reading.inputs import Text, _text
from meshdoctor.diagnosis import judge
from meshdoctor.model import kinds
from meshdoctor.reports import schema

FAST = settings(max_examples=int(os.environ.get("MESHDOCTOR_EXAMPLES", "60")))
"""10,000 documents of each form: MESHDOCTOR_EXAMPLES=10000."""

SOUND = """apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: &meta {name: a, namespace: shop, labels: {x: "1"}}
spec:
  hosts: [a, '*.b']
  http:
  - match: [{uri: {prefix: /}}]
    route:
    - destination: {host: a, port: {number: 80}}
      weight: 100
---
{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"ports": [{"port": 80}]}}
"""
SIGNS = st.text("abc:{}[]-,&*!|>'\"#%@`\\ \n\t\r\0\x07\ufeff\x85\u2028é😀01.~<?=", max_size=200)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=12
)
FIELDS = ("hosts", "http", "tls", "tcp", "servers", "host", "subsets", "selector", "ports", "rules", "template", "endpoints")


def survives(text: str) -> None:
    """Read, judged and printed; every complaint names its file."""
    given = read_text(text, "shop", "f")
    found = judge(mesh_of_manifests(given))
    assert not [f.summary for f in found.findings if f.status == "ERROR"]
    assert all(c.file == "f" for c in given.complaints)
    schema.encode(schema.findings(found)).encode()


@FAST
@drawn(st.binary(max_size=200))
def test_random_bytes(raw: bytes) -> None:
    found = _text("f", raw)
    if isinstance(found, Text):
        survives(found.text)


@FAST
@drawn(SIGNS)
def test_random_signs(text: str) -> None:
    survives(text)


@FAST
@drawn(st.integers(0, len(SOUND)), st.integers(0, 20), SIGNS)
def test_a_manifest_with_a_piece_of_it_replaced(start: int, length: int, piece: str) -> None:
    survives(SOUND[:start] + piece + SOUND[start + length :])


@FAST
@drawn(st.sampled_from(kinds.ALL), VALUES, st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=3))
def test_objects_with_random_fields(kind: Any, metadata: Any, spec: dict[str, Any]) -> None:
    version = f"{kind.GROUP}/{kind.VERSIONS[0]}" if kind.GROUP else kind.VERSIONS[0]
    body = {"apiVersion": version, "kind": kind.KIND, "metadata": {"name": "a"} if metadata is None else metadata, "spec": spec}
    try:
        text = yaml.safe_dump(body, allow_unicode=True)
    except (yaml.YAMLError, UnicodeError):
        text = msgspec.json.encode(body).decode()
    survives(text)
