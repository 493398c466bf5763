"""Files, folders and pipes to objects; what cannot be read is told and leaves the others."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from meshdoctor.collect.files import mesh_of_manifests
from meshdoctor.collect.reading.given import Given, read, read_text
from meshdoctor.model.cluster import Namespace, Service
from meshdoctor.model.errors import UsageError
from meshdoctor.model.networking import VirtualService

SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: %s}\nspec: {ports: [{port: 80}]}\n"


def names(given: Given) -> list[str]:
    return [m.subject.name for m in given.manifests]


def wrong(given: Given) -> list[tuple[str, str, int | None]]:
    return [(c.wrong, str(c.subject), c.line) for c in given.complaints]


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_folders_are_read_in_order_and_other_files_left_alone(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / ".git").mkdir()
    write(tmp_path, b__yml=SERVICE % "b", a__yaml=SERVICE % "a", c__txt="{", d__json='{"kind": "x"}')
    write(tmp_path / "sub", e__yaml=SERVICE % "e")
    write(tmp_path / ".git", f__yaml="{")
    assert names(read([str(tmp_path)])) == ["a", "b", "e"]


def test_patterns_and_files_named_twice(tmp_path: Path) -> None:
    write(tmp_path, a__yaml=SERVICE % "a", b__yaml=SERVICE % "b")
    assert names(read([f"{tmp_path}/*.yaml", f"{tmp_path}/a.yaml"])) == ["a", "b"]


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO((SERVICE % "piped").encode())))
    (manifest,) = read(["-"]).manifests
    assert (manifest.subject.name, manifest.file, manifest.place("spec.ports[0].port")) == ("piped", "stdin", (4, 17))


def test_a_list_is_opened_with_the_places_of_its_items() -> None:
    text = "apiVersion: v1\nkind: ServiceList\nitems:\n- metadata: {name: a}\n- metadata:\n    name: b\n"
    manifests = read_text(text).manifests
    assert [(m.subject.kind, m.subject.name, m.place("metadata.name")) for m in manifests] == [
        ("Service", "a", (4, 14)),
        ("Service", "b", (6, 5)),
    ]


def test_an_object_without_a_namespace_gets_the_one_that_was_asked_for() -> None:
    text = SERVICE % "a" + "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, namespace: odd}\n"
    given = read_text(text, "shop")
    mesh = mesh_of_manifests(given)
    assert [m.subject.namespace for m in given.manifests] == ["shop", ""]
    assert mesh[Service].get("shop", "a") is not None
    assert mesh[Namespace].get("", "shop") is not None
    assert read_text(text).manifests[0].subject.namespace == ""


def test_binary_other_encodings_and_what_is_too_large(tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(b"a: 1\nb: \0\x01")
    (tmp_path / "latin.yaml").write_bytes("a: 1\nb: é".encode("latin-1"))
    (tmp_path / "large.yaml").touch()
    os.truncate(tmp_path / "large.yaml", 100_000_000)
    (tmp_path / "utf16.yaml").write_bytes((SERVICE % "wide").encode("utf-16"))
    given = read([str(tmp_path)])
    assert names(given) == ["wide"]
    assert [(c.wrong, c.line, c.column) for c in given.complaints] == [
        ("unread", 2, 4),
        ("unread", None, None),
        ("unread", 2, 4),
    ]


def test_what_is_not_there_leaves_the_rest(tmp_path: Path) -> None:
    write(tmp_path, a__yaml=SERVICE % "a")
    given = read(["/not/there.yaml", f"{tmp_path}/*.none", str(tmp_path)])
    assert names(given) == ["a"]
    assert wrong(given) == [("unread", "File /not/there.yaml", None), ("unread", f"File {tmp_path}/*.none", None)]


@pytest.mark.parametrize("text", ["", "# nothing\n", "values: 1\n", "- 1\n"])
def test_nothing_at_all_is_wrong_usage(tmp_path: Path, text: str) -> None:
    write(tmp_path, a__yaml=text)
    with pytest.raises(UsageError):
        read([str(tmp_path)])
    with pytest.raises(UsageError):
        read([str(tmp_path / "none")])


def test_one_broken_file_is_something(tmp_path: Path) -> None:
    write(tmp_path, a__yaml="a: {")
    assert [w for w, _, _ in wrong(read([str(tmp_path)]))] == ["unparsed"]


@pytest.mark.skipif(os.getuid() == 0, reason="root reads every folder")
def test_a_folder_that_may_not_be_read(tmp_path: Path) -> None:
    write(tmp_path, a__yaml=SERVICE % "a")
    (tmp_path / "closed").mkdir(mode=0)
    assert wrong(read([str(tmp_path)])) == [("unread", f"File {tmp_path}/closed", None)]


def test_templates_of_a_chart_are_no_manifests(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    write(tmp_path, Chart__yaml="apiVersion: v2\nname: x\n", a__yaml=SERVICE % "a")
    write(tmp_path / "templates", b__yaml="a: {{ .b }}\n")
    given = read([str(tmp_path)])
    assert (names(given), given.complaints) == (["a"], [])
    assert "helm template" in given.notes[0]


def test_what_does_not_fit_its_kind_leaves_the_rest() -> None:
    bad = "---\napiVersion: v1\nkind: Service\nmetadata: {name: bad}\nspec:\n  ports:\n  - port: many\n"
    given = read_text(SERVICE % "good" + bad)
    assert wrong(given) == [("unfit", "Service bad", 11)]
    assert given.complaints[0].path == "spec.ports[0].port"
    assert [s.name for s in mesh_of_manifests(given)[Service]] == ["good"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("apiVersion: networking.istio.io/v7\nkind: Sidecar\nmetadata: {name: a}\n", "unknown-kind"),
        ("apiVersion: networking.istio.io/v1\nkind: VirtualServer\nmetadata: {name: a}\n", "unknown-kind"),
        ("apiVersion: security.istio.io/v1\nkind: Gateway\nmetadata: {name: a}\n", "unknown-kind"),
        ("apiVersion: v1\nkind: Deployment\nmetadata: {name: a}\n", "unknown-kind"),
        ("kind: Service\nmetadata: {name: a}\n", "unnamed"),
        ("apiVersion: v1\nmetadata: {name: a}\n", "unnamed"),
        ("apiVersion: v1\nkind: Service\nmetadata: {labels: {a: b}}\n", "unnamed"),
        ("apiVersion: v1\nkind: Service\nmetadata: [a]\n", "unfit"),
        ("apiVersion: v1\nkind: Service\nmetadata: {name: a, name: b}\n", "repeated-key"),
    ],
)
def test_what_the_api_would_refuse(text: str, what: str) -> None:
    assert what in [w for w, _, _ in wrong(read_text(text, name="f"))]


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: cis.f5.com/v1\nkind: VirtualService\nmetadata: {name: a}\n",
        "apiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\nmetadata: {name: a}\n",
        "apiVersion: networking.istio.io/v1beta1\nkind: VirtualService\nmetadata: {name: a}\n",
        "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: a-}\n",
        "kind: something of another tool\n",
        "apiVersion: v2\nname: a chart\n",
    ],
)
def test_what_is_right_or_not_ours(text: str) -> None:
    assert read_text(text).complaints == []


def test_of_two_manifests_of_one_object_the_last_counts() -> None:
    twice = "---\n".join(
        f"apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: a}}\nspec: {{hosts: [{h}]}}\n" for h in "xy"
    )
    given = read_text(twice)
    assert wrong(given) == [("repeated-object", "VirtualService a", 6)]
    assert [tuple(v.spec.hosts) for v in mesh_of_manifests(given)[VirtualService]] == [("y",)]


def test_what_a_secret_holds_is_kept_nowhere() -> None:
    secret = (
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a, annotations: {kubectl.kubernetes.io/last-applied-configuration: hush}}\n"
    )
    given = read_text(secret + "data: {hidden: aHVzaA==}\nstringData: {hidden: hush}\n", name="f")
    (manifest,) = given.manifests
    assert set(manifest.body) == {"apiVersion", "kind", "metadata"}
    assert "hush" not in repr(manifest)
    assert "hidden" not in repr(manifest)
    assert given.line("f", 4) == ""
