import { X509Certificate } from "node:crypto";

/** What a server said to a ClientHello, as far as it can be read without keys. */
export type HelloReply =
  | { readonly kind: "alert"; readonly alert: number }
  | {
      readonly kind: "accepted";
      readonly version: number;
      readonly suite: number;
      readonly alpn: string;
      readonly compression: number;
      /** A session ticket is to follow: RFC 5077 section 3.2; of TLS 1.3 it can't be seen. */
      readonly ticket: boolean;
      /** RFC 5746 section 3.6; TLS 1.3 knows no renegotiation. */
      readonly secureRenegotiation: boolean;
      /** Names of the certificate; before TLS 1.3 it is sent in plain. */
      readonly names: readonly string[];
    }
  | { readonly kind: "garbage"; readonly bytes: string };

const [ALERT, HANDSHAKE] = [21, 22];
const [SERVER_HELLO, CERTIFICATE, SERVER_HELLO_DONE] = [2, 11, 14];
const TLS13 = 0x0304;

type ServerHello = Extract<HelloReply, { kind: "accepted" }>;

/** Reads what has come so far (RFC 8446 section 5.1); undefined while it does not decide. Never throws. */
export function parseHelloReply(bytes: Buffer): HelloReply | undefined {
  const messages: Buffer[] = [];
  let at = 0;
  while (at + 5 <= bytes.length) {
    const type = bytes.readUInt8(at);
    const length = bytes.readUInt16BE(at + 3);
    const known = (type === ALERT || type === HANDSHAKE) && bytes.readUInt8(at + 1) === 3;
    if (!known) return read(Buffer.concat(messages)) ?? garbage(bytes.subarray(at));
    const fragment = bytes.subarray(at + 5, at + 5 + length);
    if (fragment.length < length) break;
    if (type === ALERT) {
      // A warning before the ServerHello (RFC 6066 section 3, unrecognized_name) decides nothing.
      if (length === 2 && fragment.readUInt8(0) === 2) return { kind: "alert", alert: fragment.readUInt8(1) };
      if (length !== 2) return garbage(bytes.subarray(at));
    } else messages.push(fragment);
    at += 5 + length;
  }
  if (
    bytes.length > 0 &&
    bytes.length < 5 &&
    bytes.readUInt8(0) !== ALERT &&
    bytes.readUInt8(0) !== HANDSHAKE
  )
    return garbage(bytes);
  return read(Buffer.concat(messages));
}

function read(messages: Buffer): HelloReply | undefined {
  let hello: ServerHello | undefined;
  for (let at = 0; at + 4 <= messages.length; ) {
    const type = messages.readUInt8(at);
    const body = messages.subarray(at + 4, at + 4 + messages.readUIntBE(at + 1, 3));
    if (body.length < messages.readUIntBE(at + 1, 3)) return undefined;
    if (!hello) {
      if (type !== SERVER_HELLO) return garbage(messages);
      hello = serverHello(body);
      if (!hello) return garbage(messages);
      if (hello.version >= TLS13) return hello;
    } else if (type === CERTIFICATE) return { ...hello, names: namesOf(body) };
    else if (type === SERVER_HELLO_DONE) return hello;
    at += 4 + body.length;
  }
  return undefined;
}

function serverHello(body: Buffer): ServerHello | undefined {
  const session = body.length > 34 ? body.readUInt8(34) : 0;
  const at = 35 + session;
  if (body.length < at + 3) return undefined;
  const found = extensionsIn(body.subarray(at + 5));
  const chosen = found.get(43);
  const alpn = found.get(16);
  return {
    kind: "accepted",
    version: chosen?.length === 2 ? chosen.readUInt16BE() : body.readUInt16BE(),
    suite: body.readUInt16BE(at),
    compression: body.readUInt8(at + 2),
    alpn: alpn && alpn.length > 3 ? alpn.subarray(3).toString("latin1") : "",
    ticket: found.has(35),
    secureRenegotiation: found.has(0xff01),
    names: [],
  };
}

function extensionsIn(bytes: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = 0; at + 4 <= bytes.length; at += 4 + bytes.readUInt16BE(at + 2))
    found.set(bytes.readUInt16BE(at), bytes.subarray(at + 4, at + 4 + bytes.readUInt16BE(at + 2)));
  return found;
}

/** Subject and alternative names of the first certificate: RFC 5246 section 7.4.2. */
function namesOf(body: Buffer): string[] {
  if (body.length < 6) return [];
  try {
    const leaf = new X509Certificate(body.subarray(6, 6 + body.readUIntBE(3, 3)));
    const subject = leaf.subject?.replaceAll("\n", ", ");
    return [...(subject ? [subject] : []), ...(leaf.subjectAltName ?? "").split(", ").filter(Boolean)];
  } catch {
    return ["a certificate that can't be read"];
  }
}

function garbage(bytes: Buffer): HelloReply {
  return { kind: "garbage", bytes: bytes.subarray(0, 24).toString("latin1") };
}
