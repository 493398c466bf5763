"""What is wrong with files becomes findings with file, line and column."""

from __future__ import annotations

import pytest

from meshdoctor.collect.files import mesh_of_manifests
from meshdoctor.collect.reading.given import read_text
from meshdoctor.model.findings import Finding, Status
from probes.registry import all_probes
from probes.runner import run
from tests.conftest import build, judge, subjects

SOUND = "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: shop}\nspec: {ports: [{port: 80}]}\n"


def judged(text: str, code: str) -> list[Finding]:
    return judge(mesh_of_manifests(read_text(text, name="f.yaml")), code)


@pytest.mark.parametrize(
    ("code", "text", "subject", "place"),
    [
        ("MD5400", "a: {\n", "File f.yaml", (2, 1)),
        ("MD5401", SOUND.replace("80", "many"), "Service shop/a", (4, 17)),
        ("MD5402", SOUND + "spec: {}\n", "Service shop/a", (5, 1)),
        ("MD5403", SOUND.replace("v1", "apps/v1"), "Service shop/a", (1, 1)),
        ("MD5405", SOUND.replace("name: a, ", ""), "Service shop/", (3, 1)),
        ("MD5404", f"{SOUND}---\n{SOUND}", "Service shop/a", (6, 1)),
    ],
)
def test_each_is_found_where_it_is(code: str, text: str, subject: str, place: tuple[int, int]) -> None:
    (found,) = judged(text, code)
    assert (str(found.subject), found.file, (found.line, found.column)) == (subject, "f.yaml", place)
    assert judged(SOUND, code) == []


def test_only_what_does_not_fit_has_istioctls_code() -> None:
    assert judged(SOUND.replace("80", "many"), "MD5401")[0].codes == ("IST0106",)
    assert judged("a: {\n", "MD5400")[0].codes == ()


def test_of_an_object_given_twice_both_are_judged() -> None:
    route = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}\nspec: {hosts: [a], http: [{%s, route: [{destination: {host: a}}]}]}\n"
    found = judged(f"{route % 'retries: {attempts: x}'}---\n{route % 'timeout: soon'}", "MD5300")
    assert sorted((f.path, f.line) for f in found) == [("spec.http[0].retries.attempts", 4), ("spec.http[0].timeout", 9)]


def test_several_broken_documents_of_a_file_are_several_findings() -> None:
    assert subjects(judged("a: {\n---\n" + SOUND + "---\nb: [\n", "MD5400")) == ["File f.yaml"] * 2


def test_a_field_that_its_schema_refuses_is_said_once() -> None:
    route = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}\nspec: {hosts: [a], http: [{retries: {attempts: x}, route: [{destination: {host: a}}]}]}\n"
    assert judged(route, "MD5401") == []
    assert [f.codes for f in judged(route, "MD5300")] == [("IST0106",)]


def test_without_files_they_are_skipped() -> None:
    own = [p for p in all_probes() if p.code.startswith("MD540")]
    _, checks = run(build(SOUND), own)
    assert {c.status for c in checks} == {Status.SKIPPED}
