"""Nothing that stores anything leaves this process without leave for that very request."""

from __future__ import annotations

import msgspec
import pytest

from meshdoctor.kube.client import ApiClient
from meshdoctor.kube.consent import Consent, NoConsent, writable
from meshdoctor.kube.deny import Refused
from meshdoctor.kube.writing import Write
from tests.kube.servers import Answer, serving

RULE = "/apis/networking.istio.io/v1/namespaces/shop/destinationrules/payment"
PATCH = Write(verb="patch", path=RULE, body=[{"op": "remove", "path": "/spec/x"}])
MUTATING = ("PATCH", "PUT", "POST", "DELETE")


@pytest.mark.writes
async def test_a_write_leaves_with_its_own_leave_only() -> None:
    other = Write(verb="patch", path=f"{RULE}-2", body=PATCH.body)
    longer = Write(verb="patch", path=RULE, body=[*PATCH.body, {"op": "remove", "path": "/spec/y"}])
    async with serving(lambda _: Answer(200, "{}")) as server, ApiClient(server.credentials) as api:
        for leave in (other.consent(dry_run=False), longer.consent(dry_run=False)):
            with pytest.raises(NoConsent):
                await api.write(PATCH, leave)
        assert server.requests == []
        await api.write(PATCH, PATCH.consent(dry_run=False))
    assert [(r.method, r.target) for r in server.requests] == [("PATCH", f"{RULE}?fieldManager=meshdoctor")]


@pytest.mark.writes
async def test_leave_is_used_up_by_one_request_even_a_failed_one() -> None:
    leave = PATCH.consent(dry_run=False)
    refusal = msgspec.json.encode({"kind": "Status", "code": 409, "reason": "Conflict", "message": "changed"})
    async with serving(lambda _: Answer(409, refusal)) as server, ApiClient(server.credentials) as api:
        for error in (Exception, NoConsent):
            with pytest.raises(error):
                await api.write(PATCH, leave)
    assert len(server.requests) == 1


async def test_leave_for_a_dry_run_stores_nothing() -> None:
    async with serving(lambda _: Answer(200, "{}")) as server, ApiClient(server.credentials) as api:
        await api.write(PATCH, PATCH.consent(dry_run=True))
        method, path, body = PATCH.request(dry_run=False)
        with pytest.raises(NoConsent):
            Consent(method, path, body, dry_run=True).check(method, path, body)
    assert [r.target for r in server.requests] == [f"{RULE}?dryRun=All&fieldManager=meshdoctor"]


async def test_a_dry_run_of_a_deletion_says_so_in_its_body() -> None:
    """The API server takes the options of a DELETE from its body alone: `?dryRun=All` beside one would delete."""
    deletion = Write(verb="delete", path=RULE, body={"kind": "DeleteOptions", "apiVersion": "v1"})
    async with serving(lambda _: Answer(200, "{}")) as server, ApiClient(server.credentials) as api:
        await api.write(deletion, deletion.consent(dry_run=True))
        plain = msgspec.json.encode(deletion.body)
        with pytest.raises(NoConsent):
            Consent("DELETE", f"{RULE}?dryRun=All", plain, dry_run=True).check("DELETE", f"{RULE}?dryRun=All", plain)
    assert msgspec.json.decode(server.requests[0].body)["dryRun"] == ["All"]


@pytest.mark.parametrize("method", MUTATING)
@pytest.mark.parametrize("path", [RULE, f"{RULE}?dryRun=All", "/api/v1/namespaces/shop/pods", "/api/v1/namespaces/shop"])
async def test_without_leave_no_mutating_request_leaves(method: str, path: str) -> None:
    async with serving(lambda _: Answer(200, "{}")) as server, ApiClient(server.credentials) as api:
        with pytest.raises(Refused):
            async with api._session.open(path, method=method, content=b"{}"):
                pass
    assert server.requests == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", "/api/v1/namespaces/shop/secrets/tls"),
        ("DELETE", "/api/v1/namespaces/shop/secrets/tls"),
        ("DELETE", "/api/v1/namespaces/shop"),
        ("DELETE", "/api/v1/namespaces/shop/pods"),
        ("DELETE", "/apis/networking.istio.io/v1/destinationrules"),
        ("DELETE", "/apis/networking.istio.io/v1/namespaces/shop/destinationrules"),
        ("POST", "/api/v1/namespaces/shop/pods/cart/exec"),
        ("POST", "/api/v1/namespaces/shop/pods/cart/eviction"),
        ("POST", "/api/v1/namespaces/shop/serviceaccounts/cart/token"),
        ("PATCH", "/apis/apps/v1/namespaces/shop/deployments/cart/status"),
        ("PATCH", "/apis/apps/v1/namespaces/shop/deployments/../../x"),
        ("PATCH", "/apis/rbac.authorization.k8s.io/v1/clusterroles/admin"),
        ("PUT", "/apis/networking.istio.io/v1/namespaces/shop/destinationrules/payment"),
        ("DELETE", "/api/v1/nodes/a"),
    ],
)
async def test_some_things_are_never_written_whatever_the_leave(method: str, path: str) -> None:
    assert not writable(method, path)
    leave = Consent(method, path, b"{}", dry_run=False)
    async with serving(lambda _: Answer(200, "{}")) as server, ApiClient(server.credentials) as api:
        with pytest.raises(NoConsent):
            async with api._session.open(path, method=method, content=b"{}", consent=leave):
                pass
        assert server.requests == []
