import { CRLF, get, LAST } from "./raw-request.ts";

/** A message that two servers may understand in two ways, or that asks for what no edge is to do. */
export interface OddRequest {
  readonly title: string;
  readonly bytes: string;
  /** By the standard it is refused; else one of two: refused, or passed on once and whole. */
  readonly refused: boolean;
}

/** What follows in the body of some: a request of its own to whoever ends the first one too early. */
function smuggled(host: string): string {
  return get(host, "/smuggled");
}

/**
 * HTTP/1.1 as an attacker writes it, RFC 9112: two measures of one body (section 6.3), codings that are none (6.1), headers
 * that are two things at once (5.1, 5.2), and targets that name another server (3.2).
 */
export function oddRequests(host: string): OddRequest[] {
  const post = (headers: string, body: string) =>
    `POST / HTTP/1.1${CRLF}Host: ${host}${CRLF}${headers}${LAST}${body}`;
  const end = `0${CRLF}${CRLF}`;
  const chunked = `Transfer-Encoding: chunked${CRLF}`;
  const must = (title: string, bytes: string) => ({ title, bytes, refused: true });
  const may = (title: string, bytes: string) => ({ title, bytes, refused: false });
  return [
    must("a length and chunks", post(`Content-Length: 4${CRLF}${chunked}`, end + smuggled(host))),
    must("chunks and a length", post(`${chunked}Content-Length: 5${CRLF}`, end + smuggled(host))),
    must("two lengths", post(`Content-Length: 1${CRLF}Content-Length: 2${CRLF}`, "ab")),
    may("the same length twice", post(`Content-Length: 2${CRLF}Content-Length: 2${CRLF}`, "ab")),
    may("a list of equal lengths", post(`Content-Length: 3, 3${CRLF}`, "abc")),
    must("a length with a sign", post(`Content-Length: +3${CRLF}`, "abc")),
    must("a hexadecimal length", post(`Content-Length: 0x3${CRLF}`, "abc")),
    must("a negative length", post(`Content-Length: -1${CRLF}`, "")),
    must("two transfer codings", post(`${chunked}Transfer-Encoding: identity${CRLF}`, end + smuggled(host))),
    must("a coding after chunks", post(`Transfer-Encoding: chunked, identity${CRLF}`, end)),
    must("an unknown coding", post(`Transfer-Encoding: xchunked${CRLF}`, end)),
    must(
      "a vertical tab before the coding",
      post(`Transfer-Encoding:\x0bchunked${CRLF}`, end + smuggled(host)),
    ),
    must(
      "a space before the colon of the coding",
      post(`Transfer-Encoding : chunked${CRLF}Content-Length: 5${CRLF}`, end),
    ),
    must("a folded coding", post(`Transfer-Encoding:${CRLF} chunked${CRLF}Content-Length: 5${CRLF}`, end)),
    may("a folded header", post(`Content-Length: 0${CRLF}X-A: b${CRLF} c${CRLF}`, "")),
    must("chunks in HTTP/1.0", post(chunked, end).replace("HTTP/1.1", "HTTP/1.0")),
    must("a chunk larger than any number", post(chunked, `FFFFFFFFFFFFFFFFF${CRLF}abc${CRLF}${end}`)),
    must("a chunk without a size", post(chunked, `zz${CRLF}abc${CRLF}${end}`)),
    may("a bare line feed behind a chunk's extension", post(chunked, `3;a=b\nabc${CRLF}${end}`)),
    may("bare line feeds", get(host).replaceAll(CRLF, "\n")),
    must("a bare carriage return in a header", get(host).replace("X-Phx", `X-A: b\rX-B: c${CRLF}X-Phx`)),
    must("a zero byte in a header", get(host).replace("X-Phx", `X-A: b\0c${CRLF}X-Phx`)),
    must("no Host", get(host).replace(`Host: ${host}${CRLF}`, "")),
    must("two Host", get(host).replace(CRLF, `${CRLF}Host: other.test${CRLF}`)),
    must("a space before the colon of Host", get(host).replace("Host:", "Host :")),
    must("an empty Host", get(host).replace(`Host: ${host}`, "Host:")),
    must("a path in Host", get(`${host}/x`)),
    must("a user in Host", get(`user@${host}`)),
    must("CONNECT to the name", get(host, `${host}:443`, "CONNECT")),
    must("CONNECT to the host's ssh", get(host, "10.0.0.13:22", "CONNECT")),
    must("TRACE", get(host, "/", "TRACE")),
    must("HTTP/3.0", get(host).replace("HTTP/1.1", "HTTP/3.0")),
    must("HTTP/2 by prior knowledge", `PRI * HTTP/2.0${CRLF}${CRLF}SM${CRLF}${CRLF}`),
    may(
      "two requests on one connection",
      get(host, "/1").replace(`Connection: close${CRLF}`, "") + get(host, "/2"),
    ),
    may(
      "an upgrade to h2c",
      get(host).replace(
        "close",
        `Upgrade, HTTP2-Settings, close${CRLF}Upgrade: h2c${CRLF}HTTP2-Settings: AAMAAABkAAQAAP__`,
      ),
    ),
  ];
}
