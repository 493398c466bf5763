"""Diagnoses of manifests for tests of the formats."""

from __future__ import annotations

from meshdoctor.collect.files import mesh_of_manifests
from meshdoctor.collect.reading.given import read_text
from meshdoctor.diagnosis import judge
from meshdoctor.model.findings import Diagnosis
from meshdoctor.triage.suppress import suppress
from tests.conftest import NOW

HOSTILE = "</script>|`*[x](http://evil)@team #1 ::error::%0A\x1b[31m"
MANIFESTS = """
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {ports: [{port: many}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: cart, namespace: shop}
spec: {hosts: [cart], http: [{route: [{destination: {host: nobody}}]}]}
---
apiVersion: v1
kind: Service
metadata:
  name: kept
  namespace: shop
  annotations: {meshdoctor.dev/ignore: "MD5401; reason=old & <known>; until=2026-12-31"}
spec: {ports: [{port: many}]}
---
a: {
"""


def diagnosis(text: str = MANIFESTS, file: str = "mesh/cart service.yaml") -> Diagnosis:
    mesh = mesh_of_manifests(read_text(text, name=file), now=NOW)
    return suppress(judge(mesh), mesh)


def hostile() -> Diagnosis:
    """A finding whose file, object and words try to be markup."""
    name = HOSTILE.encode("unicode_escape").decode().replace('"', "")
    return diagnosis(
        f'apiVersion: v1\nkind: Service\nmetadata: {{name: "{name}"}}\nspec: {{ports: [{{port: many}}]}}\n', "a,b:c%d.yaml"
    )
