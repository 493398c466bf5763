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
    top.add_argument("--write", action="store_true", help="the application may write without the context's name being typed first")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)

    def sub(name: str, text: str, shared: Parser = common) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text, parents=[shared])
        return made

    _diagnosing(sub)
    _onboarding(sub)
    _looking(sub)
    _bundles(sub)
    _changing(sub)
    _incidents(sub)
    _about(sub)
    return top


def _diagnosing(sub: Sub) -> None:
    diagnose = sub("diagnose", "look once, run all rules, rank the causes")
    _source(diagnose)
    _output(diagnose, "text", "json")
    diagnose.add_argument("--strict", action="store_true", help="exit 1 on any warning")
    diagnose.add_argument("--active", action="store_true", help="also test webhooks with server-side dry-run creates")
    diagnose.add_argument("--watch", action="store_true", help="look again 5 s after each look, until interrupted")
    _checking(sub)
    demo = sub("demo", "the application on a recorded mesh, without a cluster")
    demo.add_argument("scenario", metavar="SCENARIO", nargs="?", help="which recording (see --list)")
    demo.add_argument("--list", action="store_true", help="list the recordings")
    demo.add_argument("--drill", action="store_true", help="a hidden fault to find, with hints and a score")


def _checking(sub: Sub) -> None:
    check = sub("check", "the findings alone, of a live mesh or of manifests")
    check.add_argument("paths", metavar="PATH", nargs="*", help="manifests: files, folders, patterns, or - for standard input")
    check.add_argument("--live", action="store_true", help="judge the live mesh; with PATH say what these manifests change on it")
    _source(check)
    _output(check, "text", "json", "junit", "sarif", "markdown", "github", "html")
    check.add_argument("--strict", action="store_true", help="exit 1 on any warning")
    check.add_argument("--suppressions", metavar="FILE", help="findings not to report (default: .meshdoctor.toml, if there)")
    check.add_argument("--baseline", metavar="FILE", help="report only what is new since this former `-o json`")


def _onboarding(sub: Sub) -> None:
    scan = sub("scan", "how far each namespace is on its way into the mesh", _common(several=True))
    _source(scan)
    _output(scan, "text", "json", "markdown")
    scan.add_argument("--strict", action="store_true", help="exit 1 on any warning")
    scan.set_defaults(namespaces=None)
    scan.add_argument("--active", action="store_true", help="also create a test pod with dryRun=All in each namespace")
    enrol = sub("enrol", "take a namespace or one workload into the mesh: plan, waves, proof that nothing else changes")
    enrol.add_argument("of", metavar="NS", help="the namespace")
    enrol.add_argument("workload", metavar="WORKLOAD", nargs="?", help="only this workload of it: NAME or KIND/NAME")
    enrol.add_argument("--revision", metavar="REV", help="the revision or tag (default: what the cluster's webhooks take)")
    enrol.add_argument("--wait", metavar="SECONDS", type=_seconds, help="how long one rollout may take (default: 300)")
    enrol.add_argument("--force", metavar="ID", nargs="+", default=[], help="go on in spite of these blockers of the plan")
    _writing(enrol)
    _source(enrol)
    strict = sub("strict", "PERMISSIVE to STRICT: who would break, the policy, and a really refused plain-text call")
    strict.add_argument("where", metavar="WHERE", help="mesh, NS, NS/WORKLOAD or NS/WORKLOAD:PORT")
    strict.add_argument("--staged", action="store_true", help="first each workload of the namespace alone, then the namespace")
    strict.add_argument("--since", metavar="TIME", default="7d", help="how far back Prometheus is asked (default: 7d)")
    strict.add_argument("--wait", metavar="SECONDS", type=_seconds, help="look so long who is refused afterwards (default: 6)")
    strict.add_argument("--force", metavar="CALLER", nargs="+", default=[], help="break these callers, as the plan names them")
    _writing(strict)
    _source(strict)
    gate = sub("gate", "ready for a change, or healthy after it: one verdict, one exit code", _common(several=True))
    _source(gate)
    _output(gate, "text", "json")
    gate.set_defaults(namespaces=None)
    gate.add_argument("--save", metavar="FILE", help="keep how it is now, to compare with after the change")
    gate.add_argument("--before", metavar="FILE", help="compare with what --save kept: only what is new closes the gate")
    gate.add_argument("--strict", action="store_true", help="exit 1 on any warning")
    gate.add_argument("--active", action="store_true", help="also create test pods with dryRun=All")


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
    proxy.add_argument("--full", action="store_true", help="read answers above 1 MB too: rendering them holds up that Envoy")
    _output(proxy, "table", "json")
    _source(proxy)
    graph = sub("graph", "who calls whom, as observed by proxies and as configured")
    graph.add_argument(
        "node", metavar="NAME", nargs="?", help="only around this: [KIND/]NAMESPACE/NAME of a workload, Service or host"
    )
    graph.add_argument("--hops", type=int, default=1, choices=(1, 2, 3), help="how far around NAME (default: 1)")
    graph.add_argument("--by", choices=("workload", "app", "service", "namespace"), default="workload", help="what is drawn as one")
    graph.add_argument("--traffic", action="store_true", help="only what carries traffic now")
    graph.add_argument(
        "--window", dest="traffic_s", type=_seconds, default=8.0, metavar="SECONDS", help="how long to watch counters (default: 8)"
    )
    _output(graph, "tree", "table", "json", "dot", "mermaid", "svg", "kiali")
    _source(graph)
    _mtls(sub)
    trace = sub("trace", "what the configuration does with one request, and what the proxy itself does with it")
    trace.add_argument("source", metavar="SRC", help="the client: NAMESPACE/NAME of a pod, workload or app, a gateway too")
    trace.add_argument("target", metavar="HOST[:PORT][/PATH]", help="what it calls, e.g. cart.shop:8090/items")
    trace.add_argument("-X", "--method", default="GET", help="HTTP method (default: GET)")
    trace.add_argument("-H", "--header", action="append", default=[], metavar="NAME:VALUE", help="a header of the request")
    _output(trace, "text", "table", "json")
    _source(trace)
    _authorizing(sub)
    permissions = sub("permissions", "what may be read here, and what each missing right hides")
    permissions.add_argument("--role", action="store_true", help="print the smallest ClusterRole that sees everything")
    _source(permissions)


def _bundles(sub: Sub) -> None:
    bundle = sub("bundle", "write a redacted bundle of the mesh, look into one, compare two")
    actions = bundle.add_subparsers(dest="action", metavar="ACTION", parser_class=Parser, required=True)

    def action(name: str, text: str) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = actions.add_parser(
            name, help=text, description=text, parents=[_common()], conflict_handler="resolve"
        )
        return made

    create = action("create", "write what a diagnosis reads into one file, secrets removed")
    create.add_argument("-o", "--output", dest="file", metavar="FILE", help="the file (default: meshdoctor-CONTEXT-TIME.tar.gz)")
    create.add_argument("--tier", choices=("T0", "T1"), default="T1", help="T0: < 2 MB, 10 s; T1: <= 50 MB, 120 s (default)")
    create.add_argument(
        "-n", "--namespace", dest="namespaces", metavar="NS", nargs="+", default=[], help="these namespaces, and the control plane"
    )
    create.add_argument("--encrypt", metavar="age:RECIPIENT|gpg:ID", help="encrypt the file with age or gpg")
    create.add_argument(
        "--pseudonyms", action="store_true", help="other names and addresses in the place of yours, the same everywhere"
    )
    create.add_argument("--keep-code", action="store_true", help="leave Lua and the configuration of plug-ins in")
    create.add_argument("--preview", action="store_true", help="say what would be in it and what was removed; write nothing")
    create.add_argument("--yes", action="store_true", help="do not ask before writing")
    _source(create)
    inspect = action("inspect", "what is in a bundle, what is not, and what was removed")
    inspect.add_argument("file", metavar="FILE")
    _output(inspect, "text", "json")
    diff = action("diff", "what changed between two bundles: objects, fields, findings")
    diff.add_argument("before", metavar="A")
    diff.add_argument("after", metavar="B")
    _output(diff, "text", "json")
    opened = sub("open", "the application on a bundle: ours, bug-report, support bundle, must-gather, folder of YAML")
    opened.add_argument("file", metavar="FILE")
    serve = sub("serve", "a bundle as a read-only Kubernetes API on this machine, for kubectl and istioctl")
    serve.add_argument("file", metavar="FILE")
    serve.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: a free one)")
    serve.add_argument("--write-kubeconfig", metavar="FILE", help="where to write the kubeconfig (default: a temporary file)")


def _mtls(sub: Sub) -> None:
    mtls = sub("mtls", "which calls are mutual TLS, as configured and as seen, and who would break")
    mtls.add_argument("--what-if", metavar="WHERE=MODE", help="who would break: mesh=STRICT, NS=STRICT, NS/WORKLOAD[:PORT]=STRICT")
    mtls.add_argument("--all", action="store_true", help="also the pairs that were not seen to call each other")
    mtls.add_argument("--addresses", action="store_true", help="also calls to pods' own addresses, past their Services")
    mtls.add_argument("--since", metavar="TIME", default="5m", help="how far back Prometheus is asked, e.g. 7d (default: 5m)")
    _output(mtls, "table", "matrix", "servers", "json")
    _source(mtls)


def _authorizing(sub: Sub) -> None:
    who = sub("who-can", "who may call a Service, by which policy; why a request was refused; the least its callers need")
    who.add_argument("service", metavar="SERVICE", nargs="?", help="NAME or NAMESPACE/NAME; not needed for --why of a log line")
    who.add_argument("--from", dest="caller", metavar="NS[/WORKLOAD]", help="only this namespace or workload as the caller")
    who.add_argument("-X", "--method", help="HTTP method")
    who.add_argument("--path", help="path of the request")
    who.add_argument("--host", help="Host header of the request")
    who.add_argument("--port", type=int, help="only this port: the Service's or the pods' own")
    who.add_argument("-H", "--header", action="append", default=[], metavar="NAME:VALUE", help="a header of the request")
    who.add_argument("--jwt-claims", metavar="JSON", help='the claims of a valid token, e.g. {"iss": ..., "sub": ...}; {} for none')
    who.add_argument(
        "--why", metavar="LINE", nargs="?", const="-", help="explain this access log line, request or curl (default: stdin)"
    )
    who.add_argument("--propose", action="store_true", help="print the least AuthorizationPolicy for the calls that were observed")
    _output(who, "table", "json")
    _source(who)


def _changing(sub: Sub) -> None:
    fix = sub("fix", "plan one change that heals a finding, try it out, write it where told to, verify it")
    fix.add_argument("problem", metavar="PROBLEM", help="what was found, e.g. RT-019")
    fix.add_argument("object", metavar="KIND/NS/NAME", help="where: VirtualService/shop/catalog; of cluster scope: Namespace//shop")
    fix.add_argument("--fix", metavar="ID", help="this of its fixes (default: the first that fits)")
    fix.add_argument("--wait", metavar="SECONDS", type=_seconds, help="look so long for it to heal (default: what the fix needs)")
    _writing(fix)
    _kept(fix)
    fix.add_argument(
        "--force", action="store_true", help="write even where a GitOps tool keeps the object, or no trial is possible"
    )
    _source(fix)
    undo = sub("undo", "take a written change back")
    undo.add_argument("entry", metavar="ENTRY", nargs="?", help="an entry of the journal (default: the last), or a plan of several")
    _writing(undo)
    _kept(undo)
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


def _kept(to: argparse.ArgumentParser) -> None:
    """The incident that tells of a change and of what is taken back; waves and stages are not written into one."""
    to.add_argument("--incident", metavar="NAME", help="write it into this incident, or `none` (default: the open one that fits)")


def _incidents(sub: Sub) -> None:
    actions = ("list", "show", "open", "paste", "cause", "note", "action", "look", "draft", "sent", "postmortem", "close")
    incident = sub("incident", "an incident from symptom to postmortem, kept in a folder that outlives a crash")
    incident.add_argument(
        "action",
        choices=actions,
        help="open TITLE, paste (from standard input), cause PROBLEM, note or action TEXT, look, draft or sent AUDIENCE",
    )
    incident.add_argument("words", metavar="TEXT", nargs="*", help="title, text, problem, or audience: internal, status, handover")
    incident.add_argument("--incident", metavar="NAME", default="", help="which (default: the newest); its last four characters do")
    incident.add_argument("--minutes", type=int, default=30, help="sent: when the next message is due (default: 30)")
    _output(incident, "text", "markdown", "html", "json")
    _source(incident)


def _about(sub: Sub) -> None:
    alerts = sub("alerts", "whether the alerts of the mesh can fire at all: the handbook's, and the rules of its Prometheus")
    _output(alerts, "text", "json", "prometheusrule")
    _source(alerts)
    explain = sub("explain", "what a code or problem means, how it is detected, what to do")
    explain.add_argument("code", metavar="CODE", help="MTL-002, MD0702, IST0101, KIA0207, or part of a title")
    info = sub("info", "versions, paths and the rules that are loaded")
    info.add_argument("--schema", action="store_true", help="print the JSON schema of `diagnose -o json`")
    completion = sub("completion", "a completion script for your shell")
    completion.add_argument("shell", choices=("bash", "zsh", "fish"))


def _source(to: argparse.ArgumentParser) -> None:
    to.add_argument("--demo", metavar="SCENARIO", help="a recorded mesh instead of a cluster")
    to.add_argument("--bundle", metavar="FILE", help="a bundle instead of a cluster: ours, or another tool's")


def _output(to: argparse.ArgumentParser, *formats: str) -> None:
    to.add_argument("-o", "--output", choices=formats, default=formats[0], help=f"output format (default: {formats[0]})")


def _seconds(text: str) -> float:
    """A time to wait: more than nothing, less than for ever."""
    value = float(text)
    if not 0 < value < 86_400:
        raise argparse.ArgumentTypeError(f"{text} is no time to wait, in seconds")
    return value


def _common(*, several: bool = False) -> Parser:
    """Flags that every command takes, also behind its name; with `several`, -n takes more than one namespace."""
    common = Parser(add_help=False, argument_default=argparse.SUPPRESS)
    _add_common(common, several=several)
    return common


def _add_common(to: argparse.ArgumentParser, *, several: bool = False) -> None:
    quiet = to.argument_default == argparse.SUPPRESS
    default = argparse.SUPPRESS if quiet else None
    group = to.add_argument_group("the cluster")
    group.add_argument(
        "--kubeconfig", metavar="FILE", default=default, help="kubeconfig file (default: KUBECONFIG, ~/.kube/config)"
    )
    group.add_argument("--context", metavar="NAME", default=default, help="context of the kubeconfig")
    if several:
        words = "report these namespaces only"
        group.add_argument("-n", "--namespace", dest="namespaces", metavar="NS", nargs="+", action="extend", help=words)
    else:
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
