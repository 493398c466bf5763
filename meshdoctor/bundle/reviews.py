"""Answers what a client may do here: everything that the recording, or a test, does not forbid."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from meshdoctor.bundle import protobuf, statuses
from meshdoctor.bundle.archive import Answer
from meshdoctor.bundle.faults import Faults
from meshdoctor.bundle.paths import Place, place_of
from meshdoctor.bundle.store import Store
from meshdoctor.kube.wire import MAGIC

AUTHORIZATION = "/apis/authorization.k8s.io/v1"
AUTHENTICATION = "/apis/authentication.k8s.io/v1"
NO_TOKEN = "recorded"  # it opens nothing: istioctl wants one before it asks the recorded istiod
READS = ("get", "list", "watch")


class Attributes(msgspec.Struct, frozen=True):
    """What is asked for."""

    verb: str = ""
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""


class Spec(msgspec.Struct, frozen=True, rename="camel"):
    """The question."""

    resource_attributes: Attributes | None = None


class Review(msgspec.Struct, frozen=True):
    """A review as it is sent."""

    spec: Spec = Spec()


def review(store: Store, faults: Faults, path: str, body: bytes) -> Answer:
    """The answer of a POST: the three reviews of oneself and a token that is none; anything else is refused."""
    if path == f"{AUTHORIZATION}/selfsubjectaccessreviews":
        try:
            asked = _asked(body)
        except ValueError as why:
            return statuses.bad_request(str(why))
        allowed = asked is None or _allowed(store, faults, asked)
        return _reviewed("SelfSubjectAccessReview", "authorization.k8s.io/v1", {"allowed": allowed})
    if path == f"{AUTHORIZATION}/selfsubjectrulesreviews":
        everything = {"verbs": list(READS), "apiGroups": ["*"], "resources": ["*"]}
        rules = {"resourceRules": [everything], "nonResourceRules": [], "incomplete": True}
        return _reviewed("SelfSubjectRulesReview", "authorization.k8s.io/v1", rules)
    if path == f"{AUTHENTICATION}/selfsubjectreviews":
        return _reviewed("SelfSubjectReview", "authentication.k8s.io/v1", {"userInfo": {"username": statuses.USER}})
    place = place_of(path)
    if place is not None and (place.plural, place.sub) == ("serviceaccounts", "token"):
        ends = datetime.now(UTC) + timedelta(hours=1)  # by the clock of who asks
        token: dict[str, object] = {"token": NO_TOKEN, "expirationTimestamp": f"{ends:%Y-%m-%dT%H:%M:%SZ}"}
        return _reviewed("TokenRequest", "authentication.k8s.io/v1", token)
    return statuses.failure(405, "MethodNotAllowed", "a recording is only read")


def _asked(body: bytes) -> Attributes | None:
    """What a review asks for, in JSON or in protobuf. Raises ValueError."""
    if body.startswith(MAGIC):
        told = protobuf.attributes(body)
        return None if told is None else Attributes(**told)
    return msgspec.json.decode(body, type=Review).spec.resource_attributes


def _reviewed(kind: str, version: str, status: dict[str, object]) -> Answer:
    return statuses.json_answer({"kind": kind, "apiVersion": version, "metadata": {}, "spec": {}, "status": status}, 201)


def _allowed(store: Store, faults: Faults, asked: Attributes) -> bool:
    served = [c.place for c in store.collections.values() if (c.place.group, c.place.plural) == (asked.group, asked.resource)]
    root = served[0].root if served else f"/apis/{asked.group}/v1" if asked.group else "/api/v1"
    place = Place(root, asked.group, asked.namespace, asked.resource, "", asked.subresource)
    if faults.denied(place):
        return False
    if asked.subresource or asked.verb not in READS:
        return True
    collection = store.collection(place)
    return collection is None or collection.failed is None or collection.failed.status != 403
