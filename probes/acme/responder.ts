import { createServer, type Socket } from "node:net";
import { createSecureContext, TLSSocket } from "node:tls";
import type { Lab } from "../../lab/lab.ts";
import { boundTcp } from "../../lab/socket.ts";

/** The protocol of TLS-ALPN-01, RFC 8737 section 6.2. */
export const ACME_TLS = "acme-tls/1";

/** What a responder shows a client that asks for `acme-tls/1`. */
interface Response {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
}

/** How a responder does other than RFC 8737 section 3 asks. */
export interface Manners {
  /** What it selects of what is offered; `none`: it knows no ALPN. Left out: `acme-tls/1`. */
  readonly alpn?: "none" | "h2";
  readonly highest?: "TLSv1.1" | "TLSv1.2";
  /** Takes the connection and says nothing. */
  readonly mute?: true;
}

/** A validator's connection, as it looks from the responder's end. */
export interface Handshake {
  /** Address that it came from. */
  readonly peer: string;
  sni: string;
  /** ALPN names of its ClientHello, in its order. */
  offered: readonly string[];
  selected: string;
  version: string;
  /** Bytes of application data that it sent. */
  bytes: number;
  /** `closed`, or the error with which it ended. */
  end: string;
  readonly ended: Promise<void>;
}

/** A TLS-ALPN-01 responder on one address of a namespace; it answers a name only while that name has a response. */
export interface Responder extends AsyncDisposable {
  readonly handshakes: readonly Handshake[];
  respond(name: string, response: Response): void;
  forget(name: string): void;
}

/** Opens a responder on port 443 of `address` in a namespace of the lab. Names count without case. */
export async function openResponder(
  lab: Lab,
  namespace: string,
  address: string,
  manners: Manners = {},
): Promise<Responder> {
  const responses = new Map<string, Response>();
  const handshakes: Handshake[] = [];
  const sockets = new Set<Socket>();
  const fd = boundTcp(lab, namespace, address, 443);
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    const seen = emptyHandshake(socket);
    handshakes.push(seen);
    if (!manners.mute) socket.once("data", (hello: Buffer) => greet(socket, hello, seen, responses, manners));
  });
  await new Promise<void>((resolve, reject) => {
    server.on("error", reject);
    server.listen({ fd }, resolve);
  });
  return {
    handshakes,
    respond: (name, response) => void responses.set(name.toLowerCase(), response),
    forget: (name) => void responses.delete(name.toLowerCase()),
    [Symbol.asyncDispose]: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function emptyHandshake(socket: Socket): Handshake {
  const { remoteAddress: peer = "" } = socket;
  const ended = new Promise<void>((resolve) => void socket.on("close", () => resolve()));
  const seen = { peer, sni: "", offered: [], selected: "", version: "", bytes: 0, end: "", ended };
  socket.on("close", () => (seen.end ||= "closed"));
  return seen;
}

/** The name as it stands in a ClientHello's ALPN extension (RFC 7301 section 3.1); no host name can hold a slash. */
const OFFER = `\x0a${ACME_TLS}`;

/* To one that does not ask for the protocol no challenge certificate is shown, and there is no other. */
function greet(
  socket: Socket,
  hello: Buffer,
  seen: Handshake,
  responses: ReadonlyMap<string, Response>,
  manners: Manners,
): void {
  if (!hello.includes(OFFER)) {
    socket.destroy();
    return;
  }
  socket.pause();
  socket.unshift(hello);
  shake(socket, seen, responses, manners);
}

/* A TLS socket of its own for each connection: the callbacks of a server's do not say whose they are. */
function shake(
  socket: Socket,
  seen: Handshake,
  responses: ReadonlyMap<string, Response>,
  { alpn, highest }: Manners,
): void {
  const tls = new TLSSocket(socket, {
    isServer: true,
    ...(alpn === "none" ? {} : { ALPNCallback: selecting(seen, alpn ?? ACME_TLS) }),
    SNICallback: (servername, done) => {
      seen.sni = servername;
      const found = responses.get(servername.toLowerCase());
      // Without a context of its own the handshake ends in an alert: there is no certificate.
      done(null, found && createSecureContext(found));
    },
    ...(highest ? { minVersion: "TLSv1" as const, maxVersion: highest, ciphers: "DEFAULT@SECLEVEL=0" } : {}),
  });
  tls.on("secure", () => {
    seen.version = tls.getProtocol() ?? "";
    seen.selected = tls.alpnProtocol || "";
  });
  tls.on("data", (chunk: Buffer) => {
    seen.bytes += chunk.length;
    tls.destroy();
  });
  tls.on("error", (error: NodeJS.ErrnoException) => (seen.end = error.code ?? error.message));
}

function selecting(seen: Handshake, wanted: string) {
  return ({ protocols }: { protocols: string[] }) => {
    seen.offered = protocols;
    return protocols.includes(wanted) ? wanted : undefined;
  };
}
