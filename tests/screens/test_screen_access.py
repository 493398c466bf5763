"""The access log of a workload: pods merged, failures marked and explained, secrets masked, holes told."""

from __future__ import annotations

from meshdoctor.model.mesh import Mesh
from screens.access import read, summary
from screens.feed import StillFeed
from screens.views.access_log import AccessLog
from tests.screens.conftest import Screen, opened

STAMP = "2026-08-01T11:59:%02d.000000000Z "
LINE = (
    '[2026-08-01T11:59:%02d.000Z] "GET %s HTTP/1.1" %d %s %s - "-" 0 0 %d - "-" "curl" "id" "cart:8080" "10.1.0.9:8080" '
    "outbound|8080|v1|cart.shop.svc.cluster.local 10.1.0.1:5000 10.1.0.2:8080 10.1.0.1:4000 - default"
)
REFUSED = "rbac_access_denied_matched_policy[ns[shop]-policy[only]-rule[0]]"


def line(second: int, path: str = "/", code: int = 200, flags: str = "-", details: str = "via_upstream", took: int = 3) -> str:
    return STAMP % second + LINE % (second, path, code, flags, details, took)


def flat(found: object) -> str:
    return str(found)


def test_pods_are_merged_by_time_and_other_lines_stay() -> None:
    found = read({"a-1": f"{line(1)}\n{line(5, code=503, flags='UH')}", "a-2": f"{line(3)}\n{STAMP % 4}a warning"})
    assert [(r.cells[0][-2:], r.fields["pod"], r.is_fault) for r in found.rows if isinstance(r.cells[0], str)] == [
        ("01", "a-1", False),
        ("03", "a-2", False),
        ("04", "a-2", False),
        ("05", "a-1", True),
    ]
    assert "3 requests of 2 pods within 4 s, 1 failed (33.3 %)" in "".join(r.text for r in summary(found)[0].runs)


def test_both_formats_are_read() -> None:
    json = '{"start_time":"2026-08-01T11:59:07.000Z","response_code":503,"response_flags":"UO","method":"GET","path":"/x","duration":12}'
    found = read({"a": f"{line(1)}\n{STAMP % 7}{json}"})
    assert [(e.code, e.flags, e.duration_ms) for e in found.entries] == [(200, "", 3), (503, "UO", 12)]


def test_secrets_and_escapes_are_masked() -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefghijkl"
    found = read(
        {"a": f"{line(1, path=f'/x?token={token}')}\n{line(2, path=f'/{token}')}\n{STAMP % 3}Authorization: Bearer {token}"}
    )
    assert token.lower() not in " ".join(r.words for r in found.rows)


def test_holes_are_told() -> None:
    assert "denied" in flat(summary(read({"a": line(1)}, {"b": "pods/log is denied"})))
    assert "no access log line of 1 pod" in flat(summary(read({"a": ""})))


async def failing(screen: Screen) -> None:
    await screen.press("4")
    await screen.press("l")
    await screen.until(lambda: "requests of" in screen.text)


async def test_the_screen_marks_failures_and_explains_the_selected_line(faulty: Mesh) -> None:
    feed = StillFeed(faulty, None, context="rig", logs=f"{line(1)}\n{line(2, code=403, details=REFUSED)}")
    async with opened(feed=feed, size=(140, 44)) as screen:
        await failing(screen)
        assert isinstance(screen.app.view, AccessLog)
        await screen.press("f")
        assert "1 of 2 shown: faults only" in screen.flat
        assert "AuthorizationPolicy shop/only, rule 0" in screen.flat
        await screen.press("p")
        assert "held" in screen.text
