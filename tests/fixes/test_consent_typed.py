"""Consent that is typed on a terminal: what an undo asks for."""

from __future__ import annotations

import json
import os

import pytest

from tests.fixes.cluster import Cluster
from tests.fixes.conftest import Run
from tests.fixes.test_fix_command import FIXED, mode


@pytest.mark.writes
@pytest.mark.parametrize(
    ("typed", "after"), [("y", "ISTIO_MUTUAL"), ("", "ISTIO_MUTUAL"), ("\x04", "ISTIO_MUTUAL"), ("{context}", "DISABLE")]
)
def test_without_write_an_undo_wants_the_contexts_name_typed(
    meshdoctor: Run, cluster: Cluster, monkeypatch: pytest.MonkeyPatch, typed: str, after: str
) -> None:
    assert meshdoctor(*FIXED).returncode == 0
    context = json.loads(meshdoctor("journal", "-o", "json").stdout)["entries"][0]["context"]
    keyboard, terminal = os.openpty()
    os.write(keyboard, f"{typed.format(context=context)}\n".encode())
    with os.fdopen(terminal) as stdin, os.fdopen(keyboard, "wb"):
        monkeypatch.setattr("sys.stdin", stdin)
        done = meshdoctor("undo")
    assert (done.returncode, mode(cluster)) == (0, after), done.stdout + done.stderr
    assert f"Type {context} to write it" in done.stdout
