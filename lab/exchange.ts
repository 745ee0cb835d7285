import { type IncomingHttpHeaders, request } from "node:http";
import { connect as connectTls } from "node:tls";
import type { Lab } from "./lab.ts";
import { connectTcp, openUdp } from "./socket.ts";

export interface Exchange {
  readonly address: string;
  readonly port: number;
  readonly path: string;
  readonly method?: string;
  /** Beside `host` and `content-type` (JSON), or in their place. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Present: https, verified against these roots (PEM) and this name; without roots not verified. */
  readonly tls?: { readonly servername: string; readonly roots?: string };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A longer body is cut off: a server may write without end. */
const LONGEST_BODY = 16 << 20;

function trustOf(roots: string | undefined) {
  return roots === undefined ? { rejectUnauthorized: false } : { ca: roots };
}

/**
 * One HTTP exchange from inside a namespace of the lab; rejects where the connection, TLS or the bound fails, and at a body
 * of more than 16 MiB.
 */
export function exchangeHttp(
  lab: Lab,
  namespace: string,
  { address, port, path, method = "GET", headers, body, tls }: Exchange,
  boundMs: number,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const tcp = connectTcp(lab, namespace, address, port);
    tcp.on("error", reject);
    const given = { host: tls?.servername ?? address, "content-type": "application/json", ...headers };
    // `createConnection` and no `agent`: with an agent node would connect by itself, from the root namespace.
    const createConnection = () =>
      tls ? connectTls({ socket: tcp, servername: tls.servername, ...trustOf(tls.roots) }) : tcp;
    const sent = request({ host: address, port, path, method, headers: given, createConnection });
    const timer = setTimeout(() => sent.destroy(new Error(`no answer within ${boundMs} ms`)), boundMs);
    sent.on("close", () => clearTimeout(timer));
    sent.on("error", (error) => (tcp.destroy(), reject(error)));
    sent.on("response", (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on("data", (chunk: Buffer) => {
        length += chunk.length;
        if (length > LONGEST_BODY) sent.destroy(new Error(`more than ${LONGEST_BODY} bytes`));
        else chunks.push(chunk);
      });
      response.on("error", (error) => (tcp.destroy(), reject(error)));
      response.on("end", () => {
        tcp.destroy();
        const { statusCode: status = 0, headers: answered } = response;
        resolve({ status, headers: answered, body: Buffer.concat(chunks).toString() });
      });
    });
    sent.end(body);
  });
}

/** Whether a DNS server answers with NOERROR and an answer for the SOA of `zone` (RFC 1035 section 4.1); one query. */
export function answersSoa(
  lab: Lab,
  namespace: string,
  server: string,
  zone: string,
  boundMs: number,
): Promise<boolean> {
  return new Promise((resolve) => {
    const udp = openUdp(lab, namespace);
    const end = (answer: boolean) => {
      clearTimeout(timer);
      udp.close();
      resolve(answer);
    };
    const timer = setTimeout(() => end(false), boundMs);
    udp.on("error", () => end(false));
    udp.on("message", (reply) => end(isPositive(reply)));
    udp.send(soaQuery(zone), 53, server);
  });
}

/** NOERROR with an answer record. */
function isPositive(reply: Buffer): boolean {
  return reply.length >= 12 && (reply.readUInt8(3) & 0x0f) === 0 && reply.readUInt16BE(6) > 0;
}

function soaQuery(zone: string): Buffer {
  const labels = zone.split(".").map((label) => Buffer.from([label.length, ...Buffer.from(label)]));
  const header = Buffer.from([0x70, 0x78, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  const SOA_IN = Buffer.from([0, 0, 6, 0, 1]);
  return Buffer.concat([header, ...labels, SOA_IN]);
}
