"""Answers that the API server gives where it gives no object."""

from __future__ import annotations

from typing import Any

import msgspec

from meshdoctor.bundle.archive import Answer
from meshdoctor.bundle.paths import Place

JSON = "application/json"
USER = "demo"


def json_answer(body: Any, status: int = 200, content_type: str = JSON) -> Answer:
    """An answer of JSON."""
    return Answer(status, content_type, msgspec.json.encode(body))


def status_object(code: int, reason: str, message: str, details: dict[str, str] | None = None) -> dict[str, Any]:
    """A `Status` of a failure."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "details": details or {},
        "code": code,
    }


def failure(code: int, reason: str, message: str, details: dict[str, str] | None = None) -> Answer:
    """A `Status` of a failure as an answer."""
    return json_answer(status_object(code, reason, message, details), code)


def not_served() -> Answer:
    """The 404 of a path that leads nowhere."""
    return failure(404, "NotFound", "the server could not find the requested resource")


def not_found(place: Place) -> Answer:
    """The 404 of an object that does not exist."""
    details = {"name": place.name, "kind": place.plural} | ({"group": place.group} if place.group else {})
    return failure(404, "NotFound", f'{place.resource} "{place.name}" not found', details)


def forbidden(verb: str, place: Place) -> Answer:
    """The 403 of role-based access control."""
    named = f'{place.resource} "{place.name}"' if place.name else place.resource
    where = f'in the namespace "{place.namespace}"' if place.namespace else "at the cluster scope"
    resource = f"{place.plural}/{place.sub.partition('/')[0]}" if place.sub else place.plural
    message = f'{named} is forbidden: User "{USER}" cannot {verb} resource "{resource}" in API group "{place.group}" {where}'
    details = (
        {"kind": place.plural} | ({"name": place.name} if place.name else {}) | ({"group": place.group} if place.group else {})
    )
    return failure(403, "Forbidden", message, details)


def bad_request(message: str) -> Answer:
    """The 400 of a request that makes no sense."""
    return failure(400, "BadRequest", message)


def expired() -> dict[str, Any]:
    """The `Status` of a resource version that is too old, as an event of a watch carries it."""
    return status_object(410, "Expired", "too old resource version")
