"""Telemetry."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.fields.common import bad_selector, bad_targets
from meshdoctor.istio.fields.reading import Field
from meshdoctor.istio.schema.cel_syntax import SyntaxFault, parse
from meshdoctor.istio.schema.fault import Fault

_TAGS = {"literal": "value", "header": "name", "environment": "name", "formatter": "value"}


def telemetry(body: Field) -> Iterator[Fault]:
    spec = body["spec"]
    yield from bad_targets(spec)
    yield from bad_selector(spec["selector"])
    for metrics in spec["metrics"].items:
        yield from _bad_providers(metrics)
        for override in metrics["overrides"].items:
            yield from _bad_override(override)
    if spec["tracing"].size > 1:
        yield spec["tracing"].doubtful("has several entries: Istio takes the first alone")
    for tracing in spec["tracing"].items:
        yield from _bad_tracing(tracing)
    for logging in spec["accessLogging"].items:
        yield from _bad_providers(logging)
        yield from _bad_filter(logging["filter"])


def _bad_providers(of: Field) -> Iterator[Fault]:
    for provider in of["providers"].items:
        if not provider["name"].text:
            yield provider.wrong("has no name")


def _bad_override(override: Field) -> Iterator[Fault]:
    custom = override["match"]["customMetric"]
    if custom and not custom.text:
        yield custom.wrong("is empty")
    for name, tag in override["tagOverrides"].entries:
        operation, value = tag["operation"].text or "UPSERT", tag["value"]
        if not name:
            yield tag.doubtful("is for a tag without a name")
        if operation == "UPSERT" and not value.text:
            yield tag.wrong("has no value, which UPSERT writes")
        elif operation == "REMOVE" and value.text:
            yield value.wrong("is set, but REMOVE writes nothing")


def _bad_tracing(tracing: Field) -> Iterator[Fault]:
    share = tracing["randomSamplingPercentage"]
    if tracing["providers"].size > 1:
        yield tracing["providers"].doubtful("has several entries: Istio takes the first alone")
    yield from _bad_providers(tracing)
    if not 0 <= share.number <= 100:
        yield share.wrong(f"is {share.number:g}, a percentage is between 0 and 100")
    for name, tag in tracing["customTags"].entries:
        if not name:
            yield tag.wrong("is for a tag without a name")
        for kind, part in _TAGS.items():
            if tag[kind] and not tag[kind][part].text:
                yield tag[kind].wrong(f"has no {part}")


def _bad_filter(condition: Field) -> Iterator[Fault]:
    """A filter of access logs is an expression of CEL."""
    expression = condition["expression"]
    if not condition:
        return
    try:
        parse(expression.text)
    except (SyntaxFault, RecursionError) as why:
        yield (expression if expression else condition).wrong(f"is no expression of CEL: {why}")
