"""Archives that nobody vouches for: refused or read in part, with a line that says so; nothing written, memory bounded."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from meshdoctor.bundle import creating
from meshdoctor.bundle.creating import Content
from meshdoctor.bundle.opening import open_bundle
from meshdoctor.bundle.redaction.redactor import Redactor
from meshdoctor.bundle.tiers import T0
from meshdoctor.bundle.unpack import Limits, Notes, members
from meshdoctor.model.errors import UsageError
from tests.bundle.recorded import AT, recorder

POD = b"apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: shop}\n"


def tar(*infos: tuple[tarfile.TarInfo, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for info, body in infos:
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return made.getvalue()


def named(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def read(body: bytes, limits: Limits | None = None) -> tuple[dict[str, bytes], list[str]]:
    notes = Notes()
    return dict(members(io.BytesIO(body), limits or Limits(), notes=notes)), notes.all()


def bundle(folder: Path, *, keep_code: bool = False) -> Path:
    """A small bundle of our own."""
    redactor = Redactor(keep_code=keep_code)
    made = Content(
        answers=creating.redacted(recorder().answers, redactor, None), redactor=redactor, pseudonyms=None, extras={"README.md": b"x"}, ranks=(), scope=(),
        tier=T0, context="test", recorded_at=AT, seconds=0.1, sources=(), notes=(),
    )  # fmt: skip
    path = folder / "b.tar.gz"
    creating.write(path, made, None)
    return path


@pytest.mark.parametrize(
    ("info", "why"),
    [
        (named("link", tarfile.SYMTYPE, "/etc/passwd"), "link"),
        (named("hard", tarfile.LNKTYPE, "../../etc/passwd"), "link"),
        (named("null", tarfile.CHRTYPE), "device"),
        (named("disk", tarfile.BLKTYPE), "device"),
        (named("pipe", tarfile.FIFOTYPE), "pipe"),
        (named("/etc/cron.d/x"), "outside"),
        (named("../../x"), "outside"),
        (named("a/../../x"), "outside"),
        (named("C:/x"), "outside"),
        (named("..\\..\\x"), "outside"),
    ],
)
def test_what_is_no_plain_file_inside_is_left_out(info: tarfile.TarInfo, why: str) -> None:
    files, notes = read(tar((info, b""), (named("pod.yaml"), POD)))
    assert list(files) == ["pod.yaml"]
    assert why in notes[0]


def test_a_name_that_comes_twice_counts_once() -> None:
    files, notes = read(tar((named("a"), b"1"), (named("a"), b"2")))
    assert files == {"a": b"1"}
    assert "twice" in notes[0]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, bytes])
def test_a_bomb_is_stopped(pack: Callable[[bytes], bytes]) -> None:
    bomb = pack(tar((named("pod.yaml"), POD), (named("big"), bytes(40_000_000))))
    files, notes = read(bomb, Limits(bytes=10_000_000, one=50_000_000))
    assert list(files) == ["pod.yaml"]
    assert "unpacks to more than 10 MB" in notes[0]


def test_many_entries_are_stopped_in_bounded_memory() -> None:
    empty = named("x").tobuf()
    block = b"".join(named(f"{n}").tobuf() for n in range(1000))
    body = gzip.compress(block * 400 + empty, 1)
    files, notes = read(body, Limits(files=50_000))
    assert len(files) <= 50_000
    assert any("more than 50000 entries" in n for n in notes)


def test_a_header_that_claims_a_gigabyte_is_not_believed() -> None:
    info = named("x", tarfile.XHDTYPE)
    info.size = 1 << 30
    files, notes = read(info.tobuf() + bytes(10_000))
    assert files == {}
    assert notes


@pytest.mark.parametrize("share", [0.6, 0.8, 0.95])
def test_a_bundle_that_breaks_off_is_opened_as_far_as_it_goes(tmp_path: Path, share: float) -> None:
    path = bundle(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    opened = open_bundle(path)
    assert any("ends in the middle" in n or "not read" in n for n in opened.notes)
    assert any("missing" in n for n in opened.notes) or share > 0.9
    assert opened.manifest is not None


def test_what_was_changed_after_it_was_written_is_left_out_and_unknown(tmp_path: Path) -> None:
    path = bundle(tmp_path)
    files, _ = read(path.read_bytes())
    name = next(n for n in files if n.startswith("cluster-resources/pods/shop"))
    files[name] = files[name].replace(b"cart-1", b"evil-1")
    path.write_bytes(gzip.compress(tar(*((named(n), b) for n, b in files.items()))))
    opened = open_bundle(path)
    assert any("checksum" in n for n in opened.notes)
    pods = next(a for k, a in opened.recording.answers.items() if k.startswith("api GET /api/v1/pods"))
    assert pods.headers == {"Meshdoctor-Namespaces": "istio-system"}
    assert b"evil-1" not in pods.body


def test_a_newer_schema_is_refused_with_a_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "b.tar.gz"
    body = json.dumps({"schema": "meshdoctor.bundle/v9", "tool": "x"}).encode()
    path.write_bytes(gzip.compress(tar((named("manifest.json"), body))))
    with pytest.raises(UsageError, match=r"meshdoctor\.bundle/v9.*newer"):
        open_bundle(path)


@pytest.mark.parametrize(
    "body",
    [b"", b"\x1f\x8b", b"not an archive", os.urandom(4000), gzip.compress(b"text"), b"PK\x03\x04" + bytes(100)],
    ids=["empty", "short", "text", "noise", "gzip", "zip"],
)
def test_what_is_no_bundle_is_said(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "b.tar.gz"
    path.write_bytes(body)
    with pytest.raises(UsageError, match=r"no bundle|holds nothing|encrypted"):
        open_bundle(path)


def test_an_encrypted_bundle_names_the_command(tmp_path: Path) -> None:
    path = tmp_path / "b.tar.gz.age"
    path.write_bytes(b"age-encryption.org/v1\n...")
    with pytest.raises(UsageError, match="age -d -o"):
        open_bundle(path)


def test_a_yaml_bomb_costs_its_file_only(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    (tmp_path / "bomb.yaml").write_text("\n".join(lines))
    (tmp_path / "pod.yaml").write_bytes(POD)
    opened = open_bundle(tmp_path)
    assert any("/pods" in key for key in opened.recording.answers)


def test_ten_million_entries_stay_within_memory(tmp_path: Path) -> None:
    """Read in a process of its own, whose memory may not pass 700 MB."""
    path = tmp_path / "many.tar.gz"
    block = gzip.compress(b"".join(named(f"{n:07}").tobuf() for n in range(10_000)), 1)
    with path.open("wb") as file:
        for _ in range(1000):
            file.write(block)
    code = (
        "import resource,sys; resource.setrlimit(resource.RLIMIT_AS,(700_000_000,)*2)\n"
        "from pathlib import Path; from meshdoctor.bundle.opening import open_bundle\n"
        f"open_bundle(Path({str(path)!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300)
    assert "UsageError" in done.stderr
    assert "MemoryError" not in done.stderr
