"""The part of the schema of SARIF 2.1.0 that our logs use, with nothing else allowed.

The whole one, for `MESHDOCTOR_SARIF_SCHEMA=FILE`, is in npm's @microsoft/jest-sarif.
"""

from __future__ import annotations

from typing import Any


def closed(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


TEXT = {"type": "string", "minLength": 1}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
MESSAGE = closed(["text"], text=TEXT, markdown=TEXT)
POSITIVE = {"type": "integer", "minimum": 1}
RULE = closed(
    ["id"],
    id=TEXT,
    shortDescription=MESSAGE,
    fullDescription=MESSAGE,
    help=MESSAGE,
    helpUri={"type": "string", "format": "uri"},
    defaultConfiguration=closed([], level=LEVEL),
    properties={"type": "object", "properties": {"tags": {"type": "array", "uniqueItems": True, "items": {"type": "string"}}}},
)
LOCATION = closed(
    [],
    physicalLocation=closed(
        ["artifactLocation"],
        artifactLocation=closed([], uri={"type": "string", "format": "uri-reference", "pattern": r"^[^\s\\]+$"}),
        region=closed([], startLine=POSITIVE, startColumn=POSITIVE),
    ),
    logicalLocations={"type": "array", "items": closed([], fullyQualifiedName={"type": "string"})},
)
SUPPRESSION = closed(
    ["kind"],
    kind={"enum": ["inSource", "external"]},
    status={"enum": ["accepted", "underReview", "rejected"]},
    justification={"type": "string"},
)
RESULT = closed(
    ["message"],
    ruleId=TEXT,
    ruleIndex={"type": "integer", "minimum": 0},
    kind={"enum": ["fail", "open"]},
    level=LEVEL,
    message=MESSAGE,
    locations={"type": "array", "items": LOCATION},
    partialFingerprints={"type": "object", "additionalProperties": {"type": "string"}},
    suppressions={"type": "array", "items": SUPPRESSION, "uniqueItems": True},
)
NOTIFICATION = closed(["message"], level=LEVEL, message=MESSAGE, associatedRule=closed([], id=TEXT))
INVOCATION = closed(
    ["executionSuccessful"],
    executionSuccessful={"type": "boolean"},
    endTimeUtc={"type": "string", "format": "date-time"},
    toolExecutionNotifications={"type": "array", "items": NOTIFICATION},
)
RUN = closed(
    ["tool"],
    tool=closed(
        ["driver"],
        driver=closed(["name"], name=TEXT, semanticVersion=TEXT, rules={"type": "array", "items": RULE, "uniqueItems": True}),
    ),
    invocations={"type": "array", "items": INVOCATION},
    columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
    results={"type": "array", "items": RESULT},
)
LOG = closed(["version", "runs"], version={"const": "2.1.0"}, runs={"type": "array", "items": RUN}) | {}
LOG["properties"]["$schema"] = {"type": "string", "format": "uri"}
