import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import type { Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { type Lab, outside } from "../lab/lab.ts";
import { connectTcp } from "../lab/socket.ts";
import { BOUND, readBack } from "../lab/waits.ts";
import type { ProbeContext } from "./context.ts";
import { observeDns } from "./dns.ts";
import type { ServiceObservation } from "./observation.ts";
import { edgeTimes, meshTimes } from "./path-logs.ts";
import type { PathProbe } from "./probe.ts";

/** The request header whose value a backend sends back. */
const CANARY = "x-phx-canary";
const LONGEST_BODY = 64 * 1024;

type Facts = Record<string, string | number | boolean>;

/**
 * One request for a name as a stranger makes it: the name's address of the name server, a connection to that address, the
 * handshake, the page, each of them timed in milliseconds. Facts up to where it ended; `stage` names that, `answered` at the
 * end. Nginx's and Traefik's own times are those of their access logs, where those tell any.
 */
export async function observePath(context: ProbeContext, probe: PathProbe): Promise<ServiceObservation> {
  const { id, from, name, server } = probe;
  const facts: Facts = { stage: "dns" };
  const common = { kind: "path", id, from, to: name, request: `https://${name}/, from its name on` } as const;
  const began = performance.now();
  const asked = { kind: "dns", id, from, server, transport: "udp", name, type: "A" } as const;
  const { facts: said, answer, outcome: heard } = await observeDns(context.lab, asked);
  facts["dnsMs"] = since(began);
  const address = addressIn(said["answers"], name);
  if (address === undefined) return { ...common, outcome: heard, answer: `DNS: ${answer}`, facts };
  facts["address"] = address;
  const problem = await travelled(context, { ...probe, address }, facts);
  if (problem === undefined) return { ...common, outcome: "answered", answer: inWords(facts), facts };
  const outcome = problem.includes(" within ") ? "silent" : "answered";
  return { ...common, outcome, answer: `${String(facts["stage"])}: ${problem}`, facts };
}

function addressIn(answers: unknown, name: string): string | undefined {
  const lines = Array.isArray(answers) ? (answers as string[]) : [];
  return lines.find((line) => line.startsWith(`${name} A `))?.split(" ")[2];
}

type Way = PathProbe & { readonly address: string };

/** Fills in the facts stage by stage; why it ended before its end, or undefined. */
async function travelled(context: ProbeContext, way: Way, facts: Facts): Promise<string | undefined> {
  const { lab, roots } = context;
  const { from, address, name } = way;
  const ca = readFileSync(outside(lab, roots[way.roots]), "utf8");
  const tag = randomUUID();
  const open: Socket[] = [];
  const gaveUp = AbortSignal.timeout(BOUND.exchangeMs);
  try {
    facts["stage"] = "connect";
    let began = performance.now();
    const tcp = connectTcp(lab, from, address, 443);
    open.push(tcp);
    await happened(tcp, "connect", gaveUp);
    facts["connectMs"] = since(began);
    facts["stage"] = "tls";
    began = performance.now();
    const tls = connectTls({ socket: tcp, servername: name, ca, rejectUnauthorized: false });
    open.push(tls);
    await happened(tls, "secureConnect", gaveUp);
    facts["tlsMs"] = since(began);
    facts["authorized"] = tls.authorized;
    facts["stage"] = "request";
    began = performance.now();
    Object.assign(
      facts,
      await exchanged(tls, name, tag, gaveUp, () => (facts["firstByteMs"] = since(began))),
    );
    facts["stage"] = "answered";
  } catch (error) {
    return gaveUp.aborted ? `no answer within ${BOUND.exchangeMs} ms` : messageOf(error);
  } finally {
    for (const socket of open) socket.destroy();
  }
  Object.assign(facts, await logged(lab, context.accessLogs, tag));
  return undefined;
}

function messageOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message;
}

function happened(
  socket: Socket | TLSSocket,
  event: "connect" | "secureConnect",
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(new Error("given up")), { once: true });
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("closed")));
    socket.once(event, () => resolve());
  });
}

/** One request on the connection; the tag finds it again in access logs, and a backend sends it back. */
function exchanged(
  tls: TLSSocket,
  host: string,
  tag: string,
  signal: AbortSignal,
  onFirstByte: () => void,
): Promise<Facts> {
  return new Promise((resolve, reject) => {
    const headers = { host, accept: "application/json", [CANARY]: tag, connection: "close" };
    const sent = httpRequest({ createConnection: () => tls, path: `/?${tag}`, headers, signal });
    sent.on("error", reject);
    sent.on("response", (response) => {
      onFirstByte();
      let body = "";
      response.on("data", (chunk: Buffer) => {
        if (body.length < LONGEST_BODY) body += chunk.toString();
        else sent.destroy(new Error(`more than ${LONGEST_BODY} bytes`));
      });
      response.on("error", reject);
      response.on("end", () => {
        const guest = String(response.headers["x-phx-guest"] ?? "");
        const isReturned = guest !== "" && body.includes(`"${CANARY}":"${tag}"`);
        resolve({ status: response.statusCode ?? 0, guest, canaryReturned: isReturned });
      });
    });
    sent.end();
  });
}

/** What the two servers wrote of the request: a log may be a moment later than the answer. */
async function logged(lab: Lab, logs: ProbeContext["accessLogs"], tag: string): Promise<Facts> {
  const [edge, mesh] = await Promise.all([
    readBack(() => edgeTimes(lab, logs.edge, tag), BOUND.logMs),
    readBack(() => meshTimes(lab, logs.mesh, tag), BOUND.logMs),
  ]);
  return { ...edge, ...mesh };
}

function since(began: number): number {
  return Math.round((performance.now() - began) * 100) / 100;
}

function inWords(facts: Facts): string {
  const { status, guest, dnsMs, connectMs, tlsMs, firstByteMs } = facts;
  const to = guest ? ` from guest ${String(guest)}` : "";
  return `${String(status)}${to}; DNS ${String(dnsMs)}, connection ${String(connectMs)}, handshake ${String(tlsMs)}, first byte ${String(firstByteMs)} ms`;
}
