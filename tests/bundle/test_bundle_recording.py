"""Recordings: written without secrets, read without trust."""

from __future__ import annotations

import base64
import io
import json
import lzma
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from meshdoctor.bundle.archive import read_manifest
from meshdoctor.bundle.recording import Recorder, Recording
from meshdoctor.model.errors import UsageError
from tests.bundle.recorded import AT, JSON, listing, recorder, recording, thing

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJvcHMifQ.c2lnbmF0dXJl"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7\n-----END RSA PRIVATE KEY-----"
MANIFEST = {"schema": "meshdoctor.recording/v1", "title": "t", "about": "a", "recorded_at": "2026-03-01T12:00:00Z", "answers": []}


def written(path: Path, kept: Recorder) -> Recording:
    kept.write(path / "shop.tar.xz", "A shop", "Nothing.", AT)
    return Recording.read(path / "shop.tar.xz")


def body(found: Recording, key: str) -> str:
    answer = found.get(key)
    assert answer is not None
    return answer.body.decode()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    found = written(tmp_path, recorder())
    assert (found.title, found.about, found.recorded_at, found.name) == ("A shop", "Nothing.", AT, "shop")
    assert set(found.answers) == set(recorder().answers)
    assert [p.name for p in tmp_path.iterdir()] == ["shop.tar.xz"]


def test_the_manifest_comes_first_and_the_same_answers_give_the_same_bytes(tmp_path: Path) -> None:
    written(tmp_path, recorder())
    first = (tmp_path / "shop.tar.xz").read_bytes()
    written(tmp_path, recorder())
    assert (tmp_path / "shop.tar.xz").read_bytes() == first
    assert read_manifest(tmp_path / "shop.tar.xz").title == "A shop"


def test_the_last_answer_for_a_key_wins() -> None:
    kept = Recorder()
    kept.record("api GET /livez", 500, "text/plain", b"no")
    kept.record("api GET /livez", 200, "text/plain", b"ok")
    assert kept.answers["api GET /livez"].body == b"ok"


def test_the_bodies_of_secrets_are_an_error(tmp_path: Path) -> None:
    kept = Recorder()
    kept.record(
        "api GET /api/v1/namespaces/shop/secrets/tls", 200, JSON, json.dumps({"kind": "Secret", "data": {"a": "Yg=="}}).encode()
    )
    with pytest.raises(UsageError, match="Secrets"):
        kept.write(tmp_path / "x.tar.xz", "t", "a", AT)
    assert list(tmp_path.iterdir()) == []


def test_the_metadata_of_secrets_and_their_denial_are_kept(tmp_path: Path) -> None:
    kept = Recorder()
    kept.record("api GET /api/v1/secrets", 200, JSON, listing("PartialObjectMetadata", thing("tls", "shop")))
    kept.record("api GET /api/v1/namespaces/shop/secrets", 403, JSON, b"{}")
    assert len(written(tmp_path, kept).answers) == 2


@pytest.mark.parametrize(
    "secret", [JWT, PEM, base64.b64encode(PEM.encode()).decode(), "Bearer abcdef0123456789"], ids=["jwt", "pem", "pem64", "bearer"]
)
@pytest.mark.parametrize("as_json", [True, False], ids=["json", "text"])
def test_secrets_do_not_reach_the_file(tmp_path: Path, secret: str, as_json: bool) -> None:
    kept = Recorder()
    said = json.dumps({"data": {"a": f"before {secret} after"}}) if as_json else f"before {secret} after"
    kept.record("api GET /x", 200, JSON, said.encode())
    found = body(written(tmp_path, kept), "api GET /x")
    assert secret.rsplit(maxsplit=1)[-1] not in found
    assert "MIIEpAIB" not in found
    assert "before" in found
    assert "<redacted>" in found
    assert "after" in found


def test_public_certificates_and_prose_stay(tmp_path: Path) -> None:
    public = base64.b64encode(b"-----BEGIN CERTIFICATE-----\n" + b"MIID" * 30).decode()
    said = f"{public} Bearer authentication failed, automountServiceAccountToken"
    kept = Recorder()
    kept.record("api GET /x", 200, JSON, json.dumps([said]).encode())
    assert json.loads(body(written(tmp_path, kept), "api GET /x")) == [said]


def test_last_applied_and_managed_fields_are_dropped(tmp_path: Path) -> None:
    noisy = thing("cart", "shop")
    noisy["metadata"] |= {
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "kept": "yes"},
        "managedFields": [{"manager": "argo", "fieldsV1": {"f:spec": {}}}],
    }
    kept = Recorder()
    kept.record("api GET /api/v1/services", 200, JSON, listing("Service", noisy))
    item = json.loads(body(written(tmp_path, kept), "api GET /api/v1/services"))["items"][0]["metadata"]
    assert (item["annotations"], item["managedFields"]) == ({"kept": "yes"}, [{"manager": "argo"}])


def packed(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    file = path / "evil.tar.xz"
    with tarfile.open(file, "w:xz") as tar:
        for member, content in members:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return file


def manifest(**more: object) -> tuple[tarfile.TarInfo, bytes]:
    return tarfile.TarInfo("manifest.json"), json.dumps(MANIFEST | more).encode()


def link(kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo("link")
    member.type, member.linkname = kind, "/etc/passwd"
    return member


def truncated(path: Path) -> Path:
    file = packed(path, manifest(), (tarfile.TarInfo("b"), b"random" * 10_000))
    file.write_bytes(file.read_bytes()[:-60])
    return file


def bomb(path: Path) -> Path:
    member = tarfile.TarInfo("bomb")
    member.size = 300_000_000
    data = member.tobuf() + b"\0" * member.size
    (path / "evil.tar.xz").write_bytes(lzma.compress(data, preset=0))
    return path / "evil.tar.xz"


def header_bomb(path: Path) -> Path:
    """A name of 300 MB: tarfile reads names whole before anybody sees a member."""
    member = tarfile.TarInfo("././@LongLink")
    member.type, member.size = tarfile.GNUTYPE_LONGNAME, 300_000_000
    (path / "evil.tar.xz").write_bytes(lzma.compress(member.tobuf(tarfile.GNU_FORMAT) + b"a" * member.size, preset=0))
    return path / "evil.tar.xz"


def no_archive(path: Path) -> Path:
    (path / "evil.tar.xz").write_bytes(b"<html>")
    return path / "evil.tar.xz"


def missing(path: Path) -> Path:
    return path / "none.tar.xz"


@pytest.mark.parametrize(
    "evil",
    [
        lambda p: packed(p, manifest(), (link(tarfile.SYMTYPE), b"")),
        lambda p: packed(p, manifest(), (link(tarfile.LNKTYPE), b"")),
        lambda p: packed(p, manifest(), (link(tarfile.FIFOTYPE), b"")),
        lambda p: packed(p, manifest(), (tarfile.TarInfo("../x"), b"")),
        lambda p: packed(p, manifest(), (tarfile.TarInfo("a/../../x"), b"")),
        lambda p: packed(p, manifest(), (tarfile.TarInfo("/etc/x"), b"")),
        lambda p: packed(p, manifest(), (tarfile.TarInfo("a"), b""), (tarfile.TarInfo("a"), b"")),
        lambda p: packed(p, (tarfile.TarInfo("a"), b"")),
        lambda p: packed(p, (tarfile.TarInfo("manifest.json"), b"{nonsense")),
        lambda p: packed(p, manifest(schema="meshdoctor.recording/v2")),
        lambda p: packed(p, manifest(recorded_at="2026-03-01T12:00:00")),
        lambda p: packed(p, manifest(answers=[{"key": "api GET /x", "status": 200, "content_type": "", "file": "lost"}])),
        truncated,
        bomb,
        header_bomb,
        no_archive,
        missing,
    ],
)
def test_hostile_and_broken_files_are_refused_in_one_line(tmp_path: Path, evil: Callable[[Path], Path]) -> None:
    with pytest.raises(UsageError) as refused:
        Recording.read(evil(tmp_path))
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400


POD = """
apiVersion: v1
kind: Pod
metadata: {name: NAME, namespace: shop, creationTimestamp: 2026-01-01T00:00:00Z}
spec: {nodeName: new}
"""


def pods(found: Recording) -> list[str]:
    answer = found.answers["api GET /api/v1/pods"]
    return sorted(i["metadata"]["name"] for i in json.loads(answer.body)["items"])


def test_an_overlay_adds_and_replaces() -> None:
    found = recording().overlay(POD.replace("NAME", "cart-1") + "---" + POD.replace("NAME", "new-1"))
    assert pods(found) == ["cart-1", "istiod-1", "new-1", "pay-1"]
    assert '"nodeName":"new"' in body(found, "api GET /api/v1/pods")


def test_an_overlay_keeps_the_served_version_and_serves_kinds_anew() -> None:
    found = recording().overlay(
        """
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: cart, namespace: shop}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: other}
"""
    )
    assert '"apiVersion":"networking.istio.io/v1"' in body(found, "api GET /apis/networking.istio.io/v1/virtualservices")
    assert "PeerAuthenticationList" in body(found, "api GET /apis/security.istio.io/v1/peerauthentications")
    assert '"mesh":"other"' in body(found, "api GET /api/v1/namespaces/istio-system/configmaps/istio")


def test_a_denied_kind_stays_denied_under_an_overlay() -> None:
    found = recording().overlay("{apiVersion: v1, kind: Node, metadata: {name: a}}")
    assert {a.status for k, a in found.answers.items() if "nodes" in k} == {403}


def test_objects_are_taken_out() -> None:
    assert pods(recording().without("/api/v1/namespaces/shop/pods/cart-1")) == ["istiod-1", "pay-1"]
