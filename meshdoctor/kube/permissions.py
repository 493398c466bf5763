"""Asks the API server what we may do."""

from __future__ import annotations

import msgspec

from meshdoctor.kube.answers import not_the_api, plain_words
from meshdoctor.kube.session import Session

PATH = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


class ReviewStatus(msgspec.Struct, frozen=True):
    """Whether it is allowed."""

    allowed: bool = False


class Review(msgspec.Struct, frozen=True):
    """The answer of a SelfSubjectAccessReview."""

    status: ReviewStatus = ReviewStatus()


async def review(session: Session, verb: str, group: str, resource: str, namespace: str = "", subresource: str = "") -> bool:
    """Whether we may do this (in all namespaces where none is named), by a SelfSubjectAccessReview, which stores nothing."""
    asked = {"verb": verb, "group": group, "resource": resource, "namespace": namespace, "subresource": subresource}
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {key: value for key, value in asked.items() if value}},
    }
    headers = {"Content-Type": "application/json"}
    content = msgspec.json.encode(body)
    async with session.gate, session.open(PATH, method="POST", headers=headers, content=content) as response:
        answer = await response.aread()
    try:
        return msgspec.json.decode(answer, type=Review).status.allowed
    except msgspec.DecodeError as why:
        raise not_the_api(session.credentials.server, plain_words(answer)) from why
