"""A rule of a VirtualService's `http`."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

from meshdoctor.istio.fields.common import bad_duration, bad_match, bad_port, bad_regex
from meshdoctor.istio.fields.destinations import bad_destination, bad_gateways, bad_weights
from meshdoctor.istio.fields.headers import authority_set, bad_headers, not_a_name, not_to_match
from meshdoctor.istio.fields.names import bad_labels, is_label
from meshdoctor.istio.fields.reading import Field
from meshdoctor.istio.schema.fault import Fault

RETRY_ON = {
    *("5xx", "gateway-error", "reset", "reset-before-request", "connect-failure", "retriable-4xx", "refused-stream"),
    *("retriable-status-codes", "retriable-headers", "envoy-ratelimited", "http3-post-connect-failure"),
    *("cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable"),
}
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE", "*"}
GRPC_STATUS = {
    *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS"),
    *("PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED"),
    *("INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"),
}
_STATUS = {str(int(s)) for s in HTTPStatus}
_ACTIONS = ("redirect", "directResponse")


def bad_http_route(rule: Field, *, is_delegate: bool) -> Iterator[Fault]:
    yield from _bad_action(rule, is_delegate=is_delegate)
    for match in rule["match"].items:
        yield from _bad_request(match)
    yield from bad_headers(rule["headers"])
    yield from _bad_cors(rule["corsPolicy"])
    yield from _bad_fault(rule["fault"])
    yield from _bad_mirrors(rule)
    yield from _bad_redirect(rule["redirect"], rule["match"].items)
    yield from _bad_response(rule["directResponse"])
    yield from _bad_retries(rule["retries"])
    yield from _bad_rewrite(rule)
    yield from bad_weights(rule["route"])
    for destination in rule["route"].items:
        yield from bad_headers(destination["headers"])
    yield from bad_duration(rule["timeout"])


def _bad_action(rule: Field, *, is_delegate: bool) -> Iterator[Fault]:
    """A rule does one thing: it routes, redirects, answers or delegates."""
    if rule["delegate"] and not is_delegate:
        for other in ("redirect", "route"):
            if rule[other]:
                yield rule[other].wrong("stands beside delegate: a rule that delegates does nothing else")
        return
    if rule["delegate"]:
        yield rule["delegate"].wrong("is set in a delegate: a VirtualService without hosts cannot delegate further")
    doing = next((a for a in _ACTIONS if rule[a]), "")
    if doing:
        for other in ("route", "fault", "rewrite", *_ACTIONS):
            if other != doing and (rule[other].size if other == "route" else rule[other]):
                yield rule[other].wrong(f"stands beside {doing}: a rule has only one of them")
    elif not rule["route"].size:
        yield rule.wrong("has none of route, redirect, directResponse and delegate")


def _bad_request(match: Field) -> Iterator[Fault]:
    for kind in ("headers", "withoutHeaders"):
        for name, value in match[kind].entries:
            if reason := not_to_match(name):
                yield value.wrong(f"is refused: {reason}")
            if kind == "headers" or value["regex"].text != "*":
                yield from bad_match(value)
    if match["uri"]["regex"]:
        yield from bad_regex(match["uri"]["regex"])
    for kind in ("scheme", "method", "authority"):
        yield from bad_match(match[kind])
    for _, value in match["queryParams"].entries:
        yield from bad_match(value)
    if match["port"].number:
        yield from bad_port(match["port"])
    yield from bad_labels(match["sourceLabels"])
    yield from bad_gateways(match["gateways"])
    namespace = match["sourceNamespace"]
    if namespace.text and not is_label(namespace.text):
        yield namespace.wrong(f"is {namespace.text!r}, which no namespace is called")


def _bad_cors(policy: Field) -> Iterator[Fault]:
    for origin in policy["allowOrigins"].items:
        if not any(origin[k].text for k in ("exact", "prefix", "regex")):
            yield origin.wrong("matches no origin: it needs exact, prefix or regex")
        elif origin["regex"]:
            yield from bad_regex(origin["regex"])
    for method in policy["allowMethods"].items:
        if method.text not in METHODS:
            yield method.wrong(f"is {method.text!r}, which is no method of HTTP")
    for kind in ("allowHeaders", "exposeHeaders"):
        for name in policy[kind].items:
            if name.text != "*" and not_a_name(name.text):
                yield name.wrong(f"is refused: {not_a_name(name.text)}")
    yield from bad_duration(policy["maxAge"])


def _bad_fault(fault: Field) -> Iterator[Fault]:
    abort, delay = fault["abort"], fault["delay"]
    if not fault:
        return
    if not abort and not delay:
        yield fault.wrong("has neither abort nor delay")
    yield from _bad_share(abort["percentage"]["value"])
    yield from _bad_share(delay["percentage"]["value"])
    if abort["http2Error"]:
        yield abort["http2Error"].wrong("is not supported: use httpStatus or grpcStatus")
    elif abort["grpcStatus"] and abort["grpcStatus"].text not in GRPC_STATUS:
        yield abort["grpcStatus"].wrong(f"is {abort['grpcStatus'].text!r}, which is no status of gRPC (such as NOT_FOUND)")
    elif abort["httpStatus"]:
        yield from _bad_status(abort["httpStatus"])
    elif abort and not abort["grpcStatus"]:
        yield abort.doubtful("says no status: it aborts nothing")
    yield from bad_duration(delay["fixedDelay"])
    if delay["exponentialDelay"]:
        yield delay["exponentialDelay"].wrong("is not supported: use fixedDelay")


def _bad_share(value: Field) -> Iterator[Fault]:
    if value and value.number != 0 and not 0.0001 <= value.number <= 100:
        yield value.wrong(f"is {value.number:g}, a percentage is 0, or between 0.0001 and 100")


def _bad_status(status: Field) -> Iterator[Fault]:
    if not 200 <= status.number <= 600:
        yield status.wrong(f"is {status.value}, a status is between 200 and 599")


def _bad_mirrors(rule: Field) -> Iterator[Fault]:
    """Copies of requests go to one `mirror` or several `mirrors`, at most all of them."""
    if rule["mirror"] and rule["mirrors"].size and not rule["delegate"]:
        yield rule["mirrors"].wrong("stands beside mirror: only one of them may be set")
    if rule["mirrorPercent"]:
        yield rule["mirrorPercent"].doubtful("is deprecated: use mirrorPercentage")
    yield from bad_destination(rule["mirror"])
    for mirror in rule["mirrors"].items:
        if not mirror["destination"]:
            yield mirror.wrong("has no destination")
        yield from bad_destination(mirror["destination"])
    percentages = [rule["mirrorPercent"], rule["mirrorPercentage"]["value"]]
    for share in (*percentages, *(m["percentage"]["value"] for m in rule["mirrors"].items)):
        if not 0 <= share.number <= 100:
            yield share.wrong(f"is {share.number:g}, a percentage is between 0 and 100")


def _bad_redirect(redirect: Field, matches: list[Field]) -> Iterator[Fault]:
    if not redirect:
        return
    code, scheme, port = redirect["redirectCode"], redirect["scheme"], redirect["port"]
    if redirect["uri"].text and redirect["prefixRewrite"].text:
        yield redirect["prefixRewrite"].wrong("stands beside uri: only one of them may be set")
    elif redirect["prefixRewrite"].text and any(m["uri"] and not m["uri"]["prefix"] for m in matches):
        yield redirect["prefixRewrite"].wrong("replaces a prefix, but the rule matches a path in another way")
    if not redirect.given("uri", "prefixRewrite", "authority", "scheme") and not port and not redirect["derivePort"]:
        yield redirect.wrong("changes nothing: it needs uri, authority, scheme or port")
    if code.number and not 300 <= code.number <= 399:
        yield code.wrong(f"is {code.value}, a redirect is between 300 and 399")
    if scheme.text not in ("", "http", "https"):
        yield scheme.wrong(f"is {scheme.text!r}, it must be http or https")
    if port.number:
        yield from bad_port(port)


def _bad_response(response: Field) -> Iterator[Fault]:
    if not response:
        return
    body = response["body"]
    size = max(len(body["string"].text.encode()), len(body["bytes"].text) * 3 // 4)
    if size > 1024**2:
        yield body.wrong("has more than 1 MB")
    elif size > 100 * 1024:
        yield body.doubtful("has more than 100 KB: every proxy and istiod hold it in memory")
    yield from _bad_status(response["status"])


def _bad_retries(retries: Field) -> Iterator[Fault]:
    attempts, words = retries["attempts"], retries["retryOn"]
    if attempts.number < 0:
        yield attempts.wrong("is negative")
    if retries and not attempts.number and (retries["perTryTimeout"] or words.text or retries["retryRemoteLocalities"]):
        yield (attempts if attempts else retries).wrong("allows no attempt, yet says how to retry")
    yield from bad_duration(retries["perTryTimeout"])
    for word in words.text.split(",") if words.text else ():
        if word not in RETRY_ON and word not in _STATUS:
            yield words.wrong(f"has {word!r}, which is neither a condition of Envoy's nor a status")
    yield from bad_duration(retries["backoff"])


def _bad_rewrite(rule: Field) -> Iterator[Fault]:
    rewrite = rule["rewrite"]
    regex = rewrite["uriRegexRewrite"]
    if rewrite and rewrite["uri"].text and regex:
        yield regex.wrong("stands beside uri: only one of them may be set")
    elif rewrite and not rewrite.given("uri", "authority") and not regex:
        yield rewrite.wrong("changes nothing: it needs uri, uriRegexRewrite or authority")
    elif regex and not (regex["match"].text and regex["rewrite"].text):
        yield regex.wrong("needs both match and rewrite")
    elif regex:
        yield from bad_regex(regex["match"])
    places = ([rewrite["authority"]] if rewrite["authority"].text else []) + authority_set(rule["headers"])
    if len(places) > 1:
        yield places[-1].wrong(f"sets the authority, which {places[0].path} sets too")
