"""DestinationRule."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.fields.common import bad_exports, bad_selector
from meshdoctor.istio.fields.names import bad_labels, is_label, not_domain
from meshdoctor.istio.fields.reading import Field
from meshdoctor.istio.fields.traffic_policy import bad_traffic_policy
from meshdoctor.istio.schema.fault import Fault


def destination_rule(body: Field) -> Iterator[Fault]:
    spec, namespace = body["spec"], body["metadata"]["namespace"].text
    if not spec:
        return
    if reason := not_domain(spec["host"].text):
        yield spec["host"].wrong(reason)
    yield from bad_traffic_policy(spec["trafficPolicy"], namespace)
    names: dict[str, Field] = {}
    for subset in spec["subsets"].items:
        name = subset["name"]
        if not is_label(name.text):
            yield (name if name else subset).wrong(f"is {name.text!r}, a subset's name is a DNS label" if name else "has no name")
        elif name.text in names:
            yield name.wrong(f"is {name.text}, as {names[name.text].path} is: one of them has no effect")
        names.setdefault(name.text, subset)
        yield from bad_labels(subset["labels"])
        yield from bad_traffic_policy(subset["trafficPolicy"], namespace)
    yield from bad_exports(spec["exportTo"], namespace, selector=bool(spec["workloadSelector"]))
    yield from bad_selector(spec["workloadSelector"])
