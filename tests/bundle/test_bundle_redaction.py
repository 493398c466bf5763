"""Nothing secret reaches a bundle, and what is not secret stays."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import pytest

from meshdoctor.bundle import creating
from meshdoctor.bundle.archive import Answer
from meshdoctor.bundle.creating import Content, Leaked
from meshdoctor.bundle.redaction.marks import Marks
from meshdoctor.bundle.redaction.pseudonyms import Pseudonyms
from meshdoctor.bundle.redaction.redactor import Redactor
from meshdoctor.bundle.redaction.texts import clean, clean_log
from meshdoctor.bundle.redaction.values import Cleaner
from meshdoctor.bundle.scanner import scan
from meshdoctor.bundle.tiers import T0
from meshdoctor.bundle.unpack import Limits
from meshdoctor.bundle.writer import member
from tests.bundle.planted import CANARIES, answers, b64, jwt, pem, word
from tests.bundle.recorded import AT


def content(given: dict[str, Answer], pseudonyms: Pseudonyms | None = None) -> Content:
    redactor = Redactor()
    return Content(
        answers=creating.redacted(given, redactor, pseudonyms), redactor=redactor, pseudonyms=pseudonyms, extras={"README.md": b"a bundle"},
        ranks=(), scope=(), tier=T0, context="test", recorded_at=AT, seconds=0.1, sources=(), notes=(),
    )  # fmt: skip


def unpacked(path: Path) -> str:
    return gzip.decompress(path.read_bytes()).decode("utf-8", "replace")


def test_sixty_planted_secrets_of_twenty_kinds_are_not_in_the_file(tmp_path: Path) -> None:
    given = answers()
    kinds = {name.rpartition(" ")[0] for name in CANARIES}
    assert len(CANARIES) >= 60
    assert len(kinds) >= 20
    raw = b"".join(a.body for a in given.values()).decode()
    planted = {
        name: value
        for name, value in CANARIES.items()
        if value in raw or json.dumps(value)[1:-1] in raw or json.dumps(json.dumps(value)[1:-1])[1:-1] in raw
    }
    assert len(planted) >= 60
    creating.write(tmp_path / "b.tar.gz", content(given), None)
    text = unpacked(tmp_path / "b.tar.gz")
    assert [name for name, value in CANARIES.items() if value in text] == []


def test_a_value_removed_in_one_place_is_removed_where_only_its_echo_stands() -> None:
    given = answers()
    kept = creating.redacted(given, Redactor(), None)
    assert word(1) not in "".join(a.body.decode() for a in kept.values())


@pytest.mark.parametrize(
    "text",
    [
        "failed to fetch secret: kubernetes://shop-tls", "Bearer authentication failed", "Basic constraints of the certificate",
        "token expired", "password: <redacted>", "serviceAccountToken: true", "privateKey: /etc/certs/key.pem",
        "credentialName: shop-tls", "spiffe://cluster.local/ns/shop/sa/cart", "image: registry.corp/cart@sha256:0123456789abcdef",
        "outbound|8090||cart.shop.svc.cluster.local", "tokens: 5", "key: value", "audience: istio-ca", "https://id.example/.well-known/jwks.json",
    ],
)  # fmt: skip
def test_what_is_no_secret_stays(text: str) -> None:
    assert clean(text, Marks()) == text


def test_public_keys_and_certificates_stay() -> None:
    public = {"keys": [{"kty": "RSA", "n": "abc", "e": "AQAB", "kid": "1"}]}
    certificate = "-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----"
    value = {"jwks": json.dumps(public), "caBundle": b64(certificate), "trusted_ca": {"inline_string": certificate}}
    assert Cleaner(Marks()).value(value) == value


def test_names_of_variables_stay_and_istios_settings_too() -> None:
    env = [
        {"name": "A", "value": "ordinary"},
        {"name": "PILOT_TRACE_SAMPLING", "value": "1.0"},
        {"name": "B", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}},
    ]
    kept = Cleaner(Marks()).value({"env": env})["env"]
    assert kept[0]["name"] == "A"
    assert kept[0]["value"].startswith("<redacted:env:")
    assert kept[1:] == env[1:]


def test_equal_secrets_look_equal_in_one_bundle_and_different_in_another() -> None:
    one, other = Marks(), Marks()
    assert one.put("env", word(1)) == one.put("env", word(1)) != other.put("env", word(1))


def test_a_log_keeps_the_names_of_its_query_only() -> None:
    kept = clean_log('"GET /a?user=ann&page=2 HTTP/1.1" 200', Marks())
    assert "ann" not in kept
    assert "?user=<redacted:query:" in kept


def test_code_is_kept_by_choice() -> None:
    value = {"inline_code": "function envoy_on_request(h) end"}
    assert Cleaner(Marks(), keep_code=True).value(value) == value
    assert "function" not in str(Cleaner(Marks()).value(value))


@pytest.mark.parametrize(
    "leak",
    [pem(1), jwt(1), "ghp_16C7e42F292c6912E7710c838347Ae178B4a", b64(pem(2)), "https://ann:hunter22@corp", "Authorization: Bearer abc123def456ghi789jkl012",
     '{"kind": "Secret", "data": {"a": "Yg=="}}', '{"kty": "oct", "k": "c2VjcmV0"}', '"last-applied-configuration": "{\\"a\\": 1}"', "Basic " + b64("a:bcdef")],
)  # fmt: skip
def test_the_second_look_finds_what_the_first_would_have_left(leak: str) -> None:
    archive = io.BytesIO(member("a.json", leak.encode()))
    assert [found.path for found in scan(archive, (), Limits())] == ["a.json"]


def test_the_second_look_finds_values_that_were_removed_elsewhere() -> None:
    assert scan(io.BytesIO(member("a", b"x " + word(1).encode())), [word(1)], Limits())


def test_a_bundle_in_which_a_secret_survives_is_not_written(tmp_path: Path) -> None:
    made = content(answers())
    made.answers["api GET /api/v1/namespaces/x/configmaps/x"] = Answer(200, "text/plain", pem(9).encode())
    with pytest.raises(Leaked, match="a private key in"):
        creating.write(tmp_path / "b.tar.gz", made, None)
    assert list(tmp_path.iterdir()) == []


def test_pseudonyms_are_the_same_everywhere_and_leave_no_name(tmp_path: Path) -> None:
    made = content(answers(), Pseudonyms())
    creating.write(tmp_path / "b.tar.gz", made, None)
    text = unpacked(tmp_path / "b.tar.gz")
    assert "shop" not in text.replace("shopper", "")
    names = Pseudonyms()
    names.learn(answers())
    assert names.text("cart.shop.svc.cluster.local") == f"{names.text('cart')}.{names.text('shop')}.svc.cluster.local"
    assert names.text("10.0.0.1") != "10.0.0.1"
    assert names.text("127.0.0.1") == "127.0.0.1"
    assert names.text("10.4.1.1").rpartition(".")[0] == names.text("10.4.1.2").rpartition(".")[0]


def test_a_schema_keeps_its_fields_whatever_they_are_called() -> None:
    schema = {"properties": {"pluginConfig": {"type": "object"}, "password": {"type": "string"}, "data": {"type": "object"}}}
    crd = {"kind": "CustomResourceDefinition", "spec": {"versions": [{"schema": {"openAPIV3Schema": schema}}]}}
    assert Cleaner(Marks()).value(crd) == crd
    told = json.dumps({"components": {"schemas": {"Secret": schema, "x": {"description": "e.g. " + jwt(3)}}}}).encode()
    kept = json.loads(Redactor().answer("api GET /openapi/v3/api/v1", Answer(200, "application/json", told)).body)
    assert kept["components"]["schemas"]["Secret"] == schema
    assert jwt(3) not in str(kept)
