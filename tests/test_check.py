"""`meshdoctor check` as pipelines meet it: files alone and over a mesh, exit codes, baseline and suppressions."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshdoctor.cli import main

GOOD = "apiVersion: v1\nkind: Service\nmetadata: {name: cart, namespace: shop}\nspec: {ports: [{name: http, port: 80}]}\n"
BAD = GOOD.replace("80", "many")
TWICE = f"{GOOD}---\n{GOOD}"
ROUTE = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: %s}\nspec: {hosts: [%s], http: [{route: [{destination: {host: %s}}]}]}\n"


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """`check(*arguments, name=text, ...)` in an empty folder with these files: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, **files: str) -> tuple[int, str, str]:
        for name, text in files.items():
            Path(name.replace("__", ".")).write_text(text)
        code = main(["check", *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def findings(out: str) -> list[tuple[str, str, str]]:
    return [(f["code"], f["status"], f["subject"]["name"]) for f in json.loads(out)["findings"]]


@pytest.mark.parametrize(
    ("text", "arguments", "code"),
    [
        (GOOD, (), 0),
        (BAD, (), 2),
        ("a: {", (), 2),
        (TWICE, (), 0),
        (TWICE, ("--strict",), 1),
        (ROUTE % ("a", "a", "nobody"), (), 3),
        ("", (), 64),
        ("values: 1", (), 64),
    ],
)
def test_exit_codes(check: Any, text: str, arguments: tuple[str, ...], code: int) -> None:
    for output in ("text", "json", "junit", "sarif", "markdown", "github", "html"):
        got, out, err = check(".", "-o", output, *arguments, a__yaml=text)
        assert got == code
        assert bool(out) == (code != 64)
        assert (err.count("\n"), "Traceback" in err) == (int(code == 64), False)


def test_other_files_are_checked_beside_a_broken_one(check: Any) -> None:
    _, out, _ = check(".", "-o", "json", "-n", "shop", a__yaml="a: {", b__yaml=BAD, c__yaml=ROUTE % ("a", "a", "nobody.shop"))
    assert {(c, s) for c, s, _ in findings(out)} >= {("MD5400", "FAIL"), ("MD5401", "FAIL"), ("MD1101", "UNKNOWN")}


def test_findings_carry_file_line_and_column(check: Any) -> None:
    _, out, _ = check("./a.yaml", "-o", "json", a__yaml=f"# comment\n{BAD}")
    (found,) = json.loads(out)["findings"]
    assert (found["file"], found["line"], found["column"], found["path"]) == ("./a.yaml", 5, 29, "spec.ports[0].port")


def test_a_secret_reaches_no_output(check: Any) -> None:
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: a, name: a}\ntype: 1\ndata: {key: c2VjcmV0LXdvcmQ=}\nstringData: {key: secret-word, key: secret-word}\n"
    for output in ("text", "json", "junit", "sarif", "markdown", "github", "html"):
        code, out, err = check("a.yaml", "-o", output, a__yaml=secret + "---\nb: 'secret-word\n")
        assert code == 2
        assert "secret-word" not in out + err
        assert "c2VjcmV0" not in out + err


def test_only_what_is_new_since_the_baseline(check: Any) -> None:
    code, before, _ = check("a.yaml", "-o", "json", a__yaml=BAD)
    assert code == 2
    code, out, _ = check(".", "-o", "json", "--baseline", "base", base=before)
    assert (code, findings(out), json.loads(out)["known"]) == (0, [], 1)
    code, out, _ = check(".", "-o", "json", "--baseline", "base", b__yaml=BAD.replace("cart", "till"))
    assert (code, findings(out), json.loads(out)["known"]) == (2, [("MD5401", "FAIL", "till")], 1)
    assert "known before" in check(".", "--baseline", "base")[1]


def test_what_was_unknown_before_is_no_news(check: Any) -> None:
    _, before, _ = check("a.yaml", "-o", "json", a__yaml=ROUTE % ("a", "a", "nobody"))
    assert check("a.yaml", "--baseline", "base", base=before)[0] == 0


@pytest.mark.parametrize("text", ["", "{", "[]", '{"findings": [{}]}', "[" * 5000])
def test_a_baseline_that_is_none(check: Any, text: str) -> None:
    assert check("a.yaml", "--baseline", "base", a__yaml=GOOD, base=text)[0] == 64
    assert check("a.yaml", "--baseline", "nowhere", a__yaml=GOOD)[0] == 64


def test_suppressions_of_the_folder_and_of_a_file(check: Any) -> None:
    ignore = '[[ignore]]\ncode = "MD5401"\nsubject = "Service shop/*"\nreason = "soon gone"\nuntil = 2999-01-01\n'
    code, out, _ = check("a.yaml", "-o", "json", a__yaml=BAD, __meshdoctor__toml=ignore)
    told = json.loads(out)
    assert (code, told["findings"], [s["reason"] for s in told["suppressed"]]) == (0, [], ["soon gone"])
    code, out, _ = check("a.yaml", __meshdoctor__toml="", other=ignore.replace("2999", "2000"))
    assert code == 2
    code, out, _ = check("a.yaml", "--suppressions", "other")
    assert (code, "ended on 2000-01-01" in out) == (2, True)
    assert check("a.yaml", "--suppressions", "nowhere")[0] == 64
    assert check("a.yaml", "--suppressions", "other", other=ignore.replace("MD5401", "MD9999"))[0] == 64


def test_files_over_a_mesh(check: Any) -> None:
    code, out, _ = check("--demo", "healthy", "-o", "json")
    assert code == 0
    assert {f["severity"] for f in json.loads(out)["findings"]} == {"info"}
    plain = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: lost, namespace: default}
spec: {hosts: [lost.example], http: [{route: [{destination: {host: nobody.default.svc.cluster.local}}]}]}
"""
    code, out, _ = check("a.yaml", "--demo", "healthy", "-o", "json", a__yaml=plain)
    told = [f for f in json.loads(out)["findings"] if f["problem"] == "RT-001"]
    assert (code, [(f["status"], f["file"], f["line"]) for f in told]) == (2, [("FAIL", "a.yaml", 5)])


def test_fields_of_the_mesh_s_own_objects_are_judged(check: Any) -> None:
    _, out, _ = check("--demo", "filter-refused", "-o", "json")
    told = {(f["subject"]["name"], f["path"]) for f in json.loads(out)["findings"] if "IST0133" in f["codes"]}
    assert told == {("broken", "spec")}
    override = "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: broken, namespace: shop}\nspec: {}\n"
    _, out, _ = check("a.yaml", "--demo", "filter-refused", "-o", "json", a__yaml=override)
    assert [f["file"] for f in json.loads(out)["findings"] if "IST0133" in f["codes"]] == ["a.yaml"]


def test_an_object_without_a_namespace_over_a_mesh_is_told(check: Any) -> None:
    _, out, _ = check("a.yaml", "--demo", "healthy", a__yaml=ROUTE % ("a", "a.example", "b.example"))
    assert "has no namespace" in out
    _, out, _ = check("a.yaml", "--demo", "healthy", "-n", "default")
    assert "has no namespace" not in out


def test_a_file_replaces_the_object_of_the_mesh(check: Any) -> None:
    _, out, _ = check("--demo", "tls-switched-off", "-o", "json")
    (found,) = [f for f in json.loads(out)["findings"] if f["problem"] == "MTL-002" and f["status"] == "FAIL"]
    rule = found["subject"]
    mended = f"apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: {rule['name']}, namespace: {rule['namespace']}}}\nspec: {{host: nobody.example}}\n"
    _, out, _ = check("a.yaml", "--demo", "tls-switched-off", "-o", "json", a__yaml=mended)
    assert "MTL-002" not in [f["problem"] for f in json.loads(out)["findings"]]


def test_a_pipe() -> None:
    command = [sys.executable, "-m", "meshdoctor", "check", "-", "-o", "json"]
    done = subprocess.run(command, input=BAD, capture_output=True, text=True, check=False)
    assert (done.returncode, [f["file"] for f in json.loads(done.stdout)["findings"]]) == (2, ["stdin"])
    assert subprocess.run(command, input="", capture_output=True, text=True, check=False).returncode == 64


def test_files_need_neither_a_cluster_nor_its_libraries() -> None:
    code = "import sys; from meshdoctor.cli import main; main(['check', '-', '-o', 'json']); print('|'.join(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], input=GOOD, capture_output=True, text=True, check=True)
    assert {"httpx", "kubernetes", "textual", "asyncio"} & set(done.stderr.split("|")) == set()


def test_two_thousand_objects_are_read_in_seconds(check: Any) -> None:
    text = "---\n".join(ROUTE % (f"a{n}", f"a{n}", f"b{n}") for n in range(2000))
    began = time.process_time()
    check("a.yaml", "-o", "json", a__yaml=text)
    assert time.process_time() - began < 10


def test_the_hook_of_pre_commit_runs_and_lets_pass_what_files_cannot_tell(check: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (hook,) = yaml.safe_load((Path(__file__).parents[1] / ".pre-commit-hooks.yaml").read_text())
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")
    for text, code in ((ROUTE % ("a", "a", "nobody"), 0), (GOOD, 0), (BAD, 1)):
        Path("a.yaml").write_text(text)
        assert subprocess.run([*shlex.split(hook["entry"]), *hook["args"]], capture_output=True, check=False).returncode == code
