"""What istiod wants against what Envoy has: spelling apart, by resource and place."""

from __future__ import annotations

from typing import Any

from meshdoctor.istio.dumps import Place, compare

FILTERS = [{"name": "rbac", "typedConfig": {"rules": {}}}, {"name": "router"}]


def desired(**listener: Any) -> dict[str, Any]:
    listener = {"name": "virtualInbound", "listenerFiltersTimeout": "0s", **listener}
    clusters = [{"cluster": {"name": "outbound|80||a", "connectTimeout": "10s"}}]
    return {"configs": [{"dynamicActiveClusters": clusters}, {"dynamicListeners": [{"activeState": {"listener": listener}}]}]}


def actual(*clusters: dict[str, Any], **listener: Any) -> dict[str, Any]:
    listener = {"name": "virtualInbound", "listener_filters_timeout": "0s", **listener}
    return {
        "configs": [
            {"dynamic_active_clusters": [{"cluster": c, "last_updated": "now"} for c in clusters]},
            {"dynamic_listeners": [{"active_state": {"listener": listener, "version_info": "7"}}]},
        ]
    }


A = {"name": "outbound|80||a", "connect_timeout": "10s"}


def test_spelling_and_dates_are_no_difference() -> None:
    assert [c.state for c in compare(desired(), actual(A))] == ["same", "same"]


def test_what_is_missing_and_what_is_too_much() -> None:
    found = compare(desired(), actual({"name": "outbound|80||b"}))
    assert [(c.name, c.state) for c in found] == [
        ("outbound|80||a", "missing"),
        ("outbound|80||b", "extra"),
        ("virtualInbound", "same"),
    ]


def test_the_place_is_told_and_named_items_are_met_by_name() -> None:
    found = compare(desired(httpFilters=FILTERS), actual(A, http_filters=[FILTERS[1]]))
    assert found[0].places == (Place("httpfilters[rbac]", '{"name":"rbac","typedconfig":{"rules":{}}}', ""),)


def test_answers_of_another_shape_give_nothing() -> None:
    assert [compare(x, y) for x, y in (({}, {}), ([], None), ({"configs": 3}, {"configs": [None]}))] == [(), (), ()]
