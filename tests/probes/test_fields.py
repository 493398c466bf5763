"""MD5300 to MD5302: fields that are refused, unknown or doubtful."""

from __future__ import annotations

from typing import Any

import yaml

from meshdoctor.collect.files import mesh_of
from meshdoctor.model.manifest import Manifest
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.subject import Subject
from tests.conftest import NOW, judge, subjects

SOUND = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: shop}
spec: {host: reviews, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}
"""
BROKEN = SOUND.replace("{mode: ISTIO_MUTUAL}", "{mode: ISTIO_MUTAL, sin: x}").replace("spec: {", "spec: {workloadSelector: {}, ")
FILTER = """
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: f, namespace: shop}
spec: {configPatches: []}
"""


def of_files(text: str) -> Mesh:
    return mesh_of("", now=NOW, manifests=[manifest(d) for d in yaml.safe_load_all(text)])


def manifest(body: dict[str, Any]) -> Manifest:
    subject = Subject(body["apiVersion"].partition("/")[0], body["kind"], "shop", body["metadata"]["name"])
    return Manifest(subject=subject, api_version=body["apiVersion"], body=body, file="a.yaml", places={"": (2, 1), "spec": (5, 1)})


def test_sound_fields_give_nothing() -> None:
    for code in ("MD5300", "MD5301", "MD5302"):
        assert judge(of_files(SOUND), code) == []
        assert judge(mesh_of(SOUND, now=NOW), code) == []


def test_a_refused_field_is_found_with_the_words_of_the_api_server() -> None:
    (finding,) = judge(of_files(BROKEN), "MD5300")
    assert (finding.path, finding.codes, finding.severity) == ("spec.trafficPolicy.tls.mode", ("IST0106",), "high")
    assert "did you mean ISTIO_MUTUAL" in finding.summary
    assert 'Unsupported value: "ISTIO_MUTAL"' in finding.why
    assert finding.evidence[0].source == "a.yaml:5"


def test_an_unknown_field_is_found_with_the_one_that_was_meant() -> None:
    (finding,) = judge(of_files(BROKEN), "MD5301")
    assert (finding.path, finding.codes) == ("spec.trafficPolicy.tls.sin", ())
    assert "did you mean sni" in finding.summary


def test_a_doubtful_field_is_a_warning_and_an_envoy_filter_a_remark() -> None:
    mesh = of_files(f"{BROKEN}\n---\n{FILTER}")
    found = judge(mesh, "MD5302")
    assert sorted((f.path, f.severity) for f in found) == [("spec", "info"), ("spec.workloadSelector", "low")]
    assert {f.codes for f in found} == {("IST0133",)}
    assert subjects(found) == ["DestinationRule shop/reviews", "EnvoyFilter shop/f"]
