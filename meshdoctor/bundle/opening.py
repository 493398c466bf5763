"""Opens a bundle of whatever tool: finds out what it is, and gives what is in it as a recording."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from meshdoctor.bundle import archive, own
from meshdoctor.bundle.foreign import formats
from meshdoctor.bundle.manifest import MANIFEST, Manifest
from meshdoctor.bundle.recording import Recording
from meshdoctor.bundle.unpack import Limits, Notes, members, refuse_encrypted, walk
from meshdoctor.model.errors import UsageError

LIMITS = Limits()


class Opened(msgspec.Struct, frozen=True):
    """What a file holds: `form` names the tool that wrote it, `files` counts what was read, `notes` say what was not."""

    path: Path
    form: str
    recording: Recording
    notes: tuple[str, ...] = ()
    files: int = 0
    manifest: Manifest | None = None
    extras: dict[str, bytes] = {}


def open_bundle(path: Path) -> Opened:
    """The bundle in a file or folder. Raises UsageError where there is none in it, or it is encrypted or of a newer schema."""
    if not path.exists():
        raise UsageError(f"There is no {path}.", do="Name a bundle: a file or a folder.")
    notes = Notes()
    if path.name.endswith(archive.SUFFIX) and (recording := _recorded(path)) is not None:
        return Opened(path, "meshdoctor recording", recording, files=len(recording.answers))
    bodies = dict(_bodies(path, notes))
    if not bodies:
        why = notes.all()
        raise UsageError(f"{path} is no bundle that can be read: {why[0] if why else 'nothing in it is of use here'}", do=_DO)
    if MANIFEST in bodies and b'"meshdoctor.bundle/' in bodies[MANIFEST][:4000]:
        manifest = own.manifest_of(bodies[MANIFEST])
        recording = msgspec.structs.replace(own.recording_of(manifest, bodies, notes), name=path.name)
        extras = {f.path: bodies[f.path] for f in manifest.files if f.part == "extra" and f.path in bodies}
        return Opened(path, "meshdoctor bundle", recording, tuple(notes.all()), len(bodies), manifest, extras)
    form, recording = formats.recording_of(bodies, notes)
    if not recording.answers:
        observed = f"{path} holds nothing of a mesh: no Kubernetes object, no dump, no log was found in {len(bodies)} files."
        raise UsageError(observed, " ".join(notes.all()[:2]), _DO)
    named = msgspec.structs.replace(recording, name=path.name)
    return Opened(path, form, named, tuple(notes.all()), len(bodies))


_DO = (
    "These can be read: meshdoctor bundles, istioctl bug-report, troubleshoot, must-gather, Kiali gather, folders of "
    "`kubectl get -o yaml`."
)


def _recorded(path: Path) -> Recording | None:
    """A recording of the demo's kind; None where the file is something else."""
    try:
        return Recording.read(path)
    except UsageError:
        return None


def _bodies(path: Path, notes: Notes) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        yield from walk(path, LIMITS, formats.is_wanted, notes)
        return
    try:
        with path.open("rb") as file:
            refuse_encrypted(path, file.read(40))
            file.seek(0)
            yield from members(file, LIMITS, formats.is_wanted, notes)
    except OSError as why:
        raise UsageError(f"{path} cannot be read: {why.strerror or why}.") from why
