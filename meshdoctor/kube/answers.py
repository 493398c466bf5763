"""What an answer or a broken connection means: each becomes one of our errors, with one clear sentence."""

from __future__ import annotations

import re
import ssl

import httpx
import msgspec

from meshdoctor.kube.credentials import Credentials
from meshdoctor.kube.failures import ApiError, Gone, NodeUnreachable, NotFound, WriteAnswered, denied_request, undialed
from meshdoctor.kube.tls import certificate_expired
from meshdoctor.kube.wire import FILLED, MAGIC, NUMBER, ONE, integer, length_tag, reader, text, varint_tag, within
from meshdoctor.model.errors import CredentialsError, MeshdoctorError, NotTheAPI, Unreachable

NOT_RECORDED = "NotRecorded"  # the reason that a served bundle gives for what is not in it


class ApiStatus(msgspec.Struct, frozen=True):
    """The API server's `Status` object."""

    kind: str = ""
    message: str = ""
    reason: str = ""
    code: int = 0


def status_error(
    status: int, content_type: str, body: bytes, path: str, who: Credentials, *, watch: bool = False, method: str = "GET"
) -> MeshdoctorError:
    """The error that an answer of 400 and above is."""
    told = _status(body)
    message = (told.message if told else "") or plain_words(body)
    bare = path.partition("?")[0]
    if status == 401:
        return unauthorized(who, message)
    if "html" in content_type or (told is None and status in (403, 407)):
        return not_the_api(who.server, f"{status} {plain_words(body)}")
    if method != "GET":
        return WriteAnswered(status, told.reason if told else "", message.rstrip("."))
    if status == 403:
        return denied_request(path, who.context, message, watch=watch)
    if status == 404:
        return NotFound(f"GET {bare} answered 404: {message}.")
    if status == 410:
        return Gone(f"GET {bare} answered 410: {message}.")
    if told is not None and told.reason == NOT_RECORDED:
        return ApiError(status, message)
    observed = f"GET {bare} answered {status}: {message.rstrip('.')}."
    if status >= 500 and (why := undialed(bare, message)):
        return NodeUnreachable(status, observed, why)
    return ApiError(status, observed)


def unauthorized(who: Credentials, message: str = "") -> CredentialsError:
    """The error of a 401: the certificate that expired, else what was refused."""
    expired = certificate_expired(who)
    if expired:
        return CredentialsError(f"{who.server} refused the credentials (401).", expired, "Renew it in the kubeconfig.")
    if who.expires is not None:
        means = f"The credentials of user {who.user!r} ended at {who.expires:%H:%M:%S}."
    elif who.headers or who.client_cert_data or who.client_cert_file:
        means = f"What user {who.user!r} of context {who.context!r} shows is expired or was never valid here."
    else:
        means = f"The user of context {who.context!r} has no credentials."
    said = f": {message}" if message and message != "Unauthorized" else ""
    return CredentialsError(f"{who.server} refused the credentials (401{said}).", means, "Log in again, or choose another context.")


def not_the_api(server: str, words: str) -> NotTheAPI:
    """The error of an answer that no API server gives."""
    means = "Something else answers there: a login page, a proxy or another service."
    return NotTheAPI(f"{server} answered {words!r}, which is not the Kubernetes API.", means, "Check the server of the context.")


def plain_words(body: bytes) -> str:
    """The first words of an answer, without tags, in 120 characters."""
    text = re.sub(r"(?is)<(script|style).*?</\1>|<[^>]*>", " ", body[:4000].decode("utf-8", "replace"))
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text[:120] or "an empty answer"


_kind_of = within(reader(dict, {length_tag(2): ("kind", ONE, text)}))
_message_of = within(
    reader(
        ApiStatus,
        {
            length_tag(3): ("message", FILLED, text),
            length_tag(4): ("reason", FILLED, text),
            varint_tag(6): ("code", NUMBER, integer),
        },
    )
)
_unpacked = within(reader(dict, {length_tag(1): ("about", ONE, _kind_of), length_tag(2): ("told", ONE, _message_of)}))


def _packed_status(body: bytes) -> ApiStatus | None:
    """The `Status` of an answer in protobuf: who asks for a list in it is refused in it."""
    try:
        found = _unpacked(body.removeprefix(MAGIC))
    except (ValueError, IndexError):
        return None
    kind = found.get("about", {}).get("kind", "")
    return msgspec.structs.replace(found["told"], kind=kind) if kind == "Status" and "told" in found else None


def _status(body: bytes) -> ApiStatus | None:
    if body.startswith(MAGIC):
        return _packed_status(body)
    try:
        told = msgspec.json.decode(body, type=ApiStatus)
    except msgspec.DecodeError:
        return None
    return told if told.kind == "Status" else None


def connection_error(why: Exception, who: Credentials) -> MeshdoctorError:
    """The error that a failed or broken connection is."""
    where = who.server
    tls = next((e for e in _chain(why) if isinstance(e, ssl.SSLError)), None)
    if not isinstance(why, httpx.TimeoutException) and (tls is not None or "SSL" in str(why)):
        return _tls_error(tls, why, who)
    via = f" through the proxy {without_password(who.proxy_url)}" if who.proxy_url else ""
    do = "Check the network, the VPN and the server of the context."
    if isinstance(why, httpx.ProxyError):
        return Unreachable(f"{where} cannot be reached{via}: the proxy refused ({why}).", do=do)
    if isinstance(why, (httpx.ConnectTimeout, httpx.ReadTimeout, httpx.WriteTimeout, httpx.PoolTimeout)):
        what = "did not answer" if tls is None else "accepted a connection, and did not answer the TLS handshake"
        if tls is None and isinstance(why, httpx.ConnectTimeout):
            what = "did not accept a connection"
        return Unreachable(f"{where} {what} in time{via}.", do=do)
    if isinstance(why, httpx.ConnectError):
        return Unreachable(f"{where} cannot be reached{via}: {_reason(why)}.", do=do)
    if isinstance(why, (httpx.LocalProtocolError, httpx.RemoteProtocolError)) and "malformed" in str(why).lower():
        return not_the_api(where, "something that is not HTTP")
    return Unreachable(f"The connection to {where} broke{via}: {str(why).rstrip('.') or type(why).__name__}.", do=do)


def _tls_error(tls: ssl.SSLError | None, why: Exception, who: Credentials) -> MeshdoctorError:
    if expired := certificate_expired(who):
        return CredentialsError(f"{who.server} ended the TLS handshake.", expired, "Renew it in the kubeconfig.")
    said = getattr(tls, "verify_message", "") or (tls.reason if tls else "") or str(why)
    if isinstance(tls, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in str(why):
        means = (
            "The kubeconfig's certificate authority did not sign it, its names or dates do not fit, or something sits in between."
        )
        return Unreachable(f"The certificate of {who.server} cannot be trusted: {said}.", means)
    if "alert" in str(why).lower():
        return CredentialsError(f"{who.server} refused our client certificate: {said}.", do="Check the user of the context.")
    return Unreachable(f"TLS with {who.server} failed: {said}.", do="Check that the server of the context speaks https.")


def _reason(why: Exception) -> str:
    """The operating system's words, without Python's."""
    found = [e for e in _chain(why) if isinstance(e, OSError) and e.strerror]
    text = str(found[-1].strerror) if found else str(why)
    return text.strip(".") or "no connection"


def _chain(why: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    current: BaseException | None = why
    while current is not None and current not in found:
        found.append(current)
        current = current.__cause__ or current.__context__
    return found


def without_password(url: str) -> str:
    """A URL to show."""
    return re.sub(r"//[^@/]*@", "//", url)
