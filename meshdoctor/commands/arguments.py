"""The command line: every command and flag, and what they mean."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn

EXIT_USAGE = 64
EPILOG = """exit codes: 0 no fault, 1 warnings (--strict), 2 a fault, 3 could not see enough, 64 wrong usage, 130 interrupted

without a command: the terminal application on the current context
without a cluster: meshdoctor demo"""

Sub = Callable[..., argparse.ArgumentParser]


class Parser(argparse.ArgumentParser):
    """An argument parser whose usage errors exit with 64, in one line."""

    def error(self, message: str) -> NoReturn:
        print(f"meshdoctor: {message}. See `{self.prog} --help`.", file=sys.stderr)
        raise SystemExit(EXIT_USAGE)


class Version(argparse.Action):
    """Prints the version; reads it only then."""

    def __init__(self, option_strings: list[str], dest: str, **kwargs: object) -> None:
        super().__init__(option_strings, dest, nargs=0, help="print the version")

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"meshdoctor {version('meshdoctor')}")
        parser.exit()


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    top = Parser(
        prog="meshdoctor",
        description="What is wrong with this Istio mesh, with proof.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action=Version)
    top.set_defaults(command=None)
    common = _common()
    _add_common(top)
    commands = top.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)

    def sub(name: str, text: str) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text, parents=[common])
        return made

    _diagnosing(sub)
    _looking(sub)
    _changing(sub)
    _about(sub)
    return top


def _diagnosing(sub: Sub) -> None:
    diagnose = sub("diagnose", "look once, run all rules, rank the causes")
    _source(diagnose)
    _output(diagnose, "text", "json")
    diagnose.add_argument("--strict", action="store_true", help="exit 1 on any warning")
    diagnose.add_argument("--active", action="store_true", help="also test webhooks with server-side dry-run creates")
    diagnose.add_argument("--watch", action="store_true", help="look again every 15 s until interrupted")
    _checking(sub)
    demo = sub("demo", "the application on a recorded mesh, without a cluster")
    demo.add_argument("scenario", metavar="SCENARIO", nargs="?", help="which recording (see --list)")
    demo.add_argument("--list", action="store_true", help="list the recordings")


def _checking(sub: Sub) -> None:
    check = sub("check", "the findings alone, of a live mesh or of manifests")
    check.add_argument("paths", metavar="PATH", nargs="*", help="manifests: files, folders, patterns, or - for standard input")
    check.add_argument("--live", action="store_true", help="judge the live mesh; with PATH say what these manifests change on it")
    _source(check)
    _output(check, "text", "json", "junit", "sarif", "markdown", "github", "html")
    check.add_argument("--strict", action="store_true", help="exit 1 on any warning")
    check.add_argument("--suppressions", metavar="FILE", help="findings not to report (default: .meshdoctor.toml, if there)")
    check.add_argument("--baseline", metavar="FILE", help="report only what is new since this former `-o json`")


def _looking(sub: Sub) -> None:
    proxies = sub("proxies", "the sync state of every proxy, over all istiod replicas")
    _output(proxies, "table", "json")
    _source(proxies)
    proxy = sub("proxy", "what one proxy says of itself")
    proxy.add_argument("pod", metavar="POD", help="NAME or NAMESPACE/NAME of a pod, or KIND/NAME of its workload")
    parts = ("clusters", "listeners", "routes", "endpoints", "certs", "sync", "diff")
    proxy.add_argument(
        "part",
        nargs="?",
        choices=parts,
        default="sync",
        help="which part (default: sync; diff: what istiod wants against what Envoy has)",
    )
    _output(proxy, "table", "json")
    _source(proxy)
    graph = sub("graph", "who calls whom, as observed by proxies and as configured")
    graph.add_argument("node", metavar="NAME", nargs="?", help="only around this: NAMESPACE/NAME of a workload, Service or host")
    graph.add_argument("--hops", type=int, default=1, choices=(1, 2, 3), help="how far around NAME (default: 1)")
    _output(graph, "tree", "table", "json", "dot", "mermaid")
    _source(graph)
    trace = sub("trace", "what the configuration does with one request: rule, subset, destination, and who lost")
    trace.add_argument("source", metavar="SRC", help="the client: NAMESPACE/NAME of a pod, workload or app, a gateway too")
    trace.add_argument("target", metavar="HOST[:PORT][/PATH]", help="what it calls, e.g. cart.shop:8090/items")
    trace.add_argument("-X", "--method", default="GET", help="HTTP method (default: GET)")
    trace.add_argument("-H", "--header", action="append", default=[], metavar="NAME:VALUE", help="a header of the request")
    _output(trace, "text", "json")
    _source(trace)
    permissions = sub("permissions", "what may be read here, and what each missing right hides")
    permissions.add_argument("--role", action="store_true", help="print the smallest ClusterRole that sees everything")
    _source(permissions)


def _changing(sub: Sub) -> None:
    fix = sub("fix", "plan one change that heals a finding, try it out, write it where told to, verify it")
    fix.add_argument("problem", metavar="PROBLEM", help="what was found, e.g. RT-019")
    fix.add_argument("object", metavar="KIND/NS/NAME", help="where: VirtualService/shop/catalog; of cluster scope: Namespace//shop")
    fix.add_argument("--fix", metavar="ID", help="this of its fixes (default: the first that fits)")
    fix.add_argument("--wait", metavar="SECONDS", type=_seconds, help="look so long for it to heal (default: what the fix needs)")
    _writing(fix)
    fix.add_argument(
        "--force", action="store_true", help="write even where a GitOps tool keeps the object, or no trial is possible"
    )
    _source(fix)
    undo = sub("undo", "take a written change back")
    undo.add_argument("entry", metavar="ENTRY", nargs="?", help="an entry of the journal (default: the last)")
    _writing(undo)
    journal = sub("journal", "every change that was written from here, and what became of it")
    _output(journal, "table", "json")
    runbook = sub("runbook", "the steps of what one change does not heal: commands, checks, and the way back")
    runbook.add_argument("name", metavar="NAME", nargs="?", help="a runbook or a problem (default: list them)")
    runbook.add_argument("object", metavar="KIND/NS/NAME", nargs="?", help="what it is about, for the commands")


def _writing(to: argparse.ArgumentParser) -> None:
    """Flags of what may write; without --write nothing is, unless it is typed on a terminal."""
    which = to.add_mutually_exclusive_group()
    which.add_argument("--dry-run", action="store_true", help="plan and try it out; write nothing")
    which.add_argument("--write", action="store_true", help="write it, after asking")
    to.add_argument("--yes", nargs="?", const="", metavar="NAME", help="do not ask; of high risk only with the object's NAME")
    _output(to, "text", "json")


def _about(sub: Sub) -> None:
    explain = sub("explain", "what a code or problem means, how it is detected, what to do")
    explain.add_argument("code", metavar="CODE", help="MTL-002, MD0702, IST0101, KIA0207, or part of a title")
    info = sub("info", "versions, paths and the rules that are loaded")
    info.add_argument("--schema", action="store_true", help="print the JSON schema of `diagnose -o json`")
    completion = sub("completion", "a completion script for your shell")
    completion.add_argument("shell", choices=("bash", "zsh", "fish"))


def _source(to: argparse.ArgumentParser) -> None:
    to.add_argument("--demo", metavar="SCENARIO", help="a recorded mesh instead of a cluster")


def _output(to: argparse.ArgumentParser, *formats: str) -> None:
    to.add_argument("-o", "--output", choices=formats, default=formats[0], help=f"output format (default: {formats[0]})")


def _seconds(text: str) -> float:
    """A time to wait: more than nothing, less than for ever."""
    value = float(text)
    if not 0 < value < 86_400:
        raise argparse.ArgumentTypeError(f"{text} is no time to wait, in seconds")
    return value


def _common() -> Parser:
    """Flags that every command takes, also behind its name."""
    common = Parser(add_help=False, argument_default=argparse.SUPPRESS)
    _add_common(common)
    return common


def _add_common(to: argparse.ArgumentParser) -> None:
    quiet = to.argument_default == argparse.SUPPRESS
    default = argparse.SUPPRESS if quiet else None
    group = to.add_argument_group("the cluster")
    group.add_argument(
        "--kubeconfig", metavar="FILE", default=default, help="kubeconfig file (default: KUBECONFIG, ~/.kube/config)"
    )
    group.add_argument("--context", metavar="NAME", default=default, help="context of the kubeconfig")
    group.add_argument("-n", "--namespace", metavar="NS", default=default, help="report this namespace only")
    group.add_argument(
        "--istio-namespace", metavar="NS", default=default, help="the control plane's namespace (default: found by label)"
    )
    group.add_argument(
        "--timeout", metavar="SECONDS", type=_seconds, default=default, help="longest wait for one answer (default: 10)"
    )
    group.add_argument("--no-color", action="store_true", default=argparse.SUPPRESS if quiet else False, help="no colour")
    group.add_argument(
        "-v", "--verbose", action="store_true", default=argparse.SUPPRESS if quiet else False, help="show each request"
    )
