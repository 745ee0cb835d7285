import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { connect as connectTls } from "node:tls";
import { type buildConnector, Client, type Dispatcher } from "undici";
import { HarnessError } from "../errors.ts";
import { type Lab, outside } from "../lab/lab.ts";
import { connectTcp } from "../lab/socket.ts";
import { BOUND } from "../lab/waits.ts";
import type { ProbeContext } from "./context.ts";
import { CANARY, parseIdentity } from "./identity.ts";
import type { ServiceObservation } from "./observation.ts";
import type { HttpProbe } from "./probe.ts";

const BODY_LENGTH = 80;
const MOST_BODY_BYTES = 4 * 1024 * 1024;

/** A request in words: its SNI where that is not its host. */
export function requestLine({ host, path, tls, method = "GET", headers, version }: HttpProbe): string {
  const beside = Object.entries(headers ?? {}).map(([name, value]) => `${name}: ${value}`);
  return [
    `${method} ${tls ? "https" : "http"}://${host}${path}`,
    ...(tls && tls.servername !== host ? [`SNI ${tls.servername}`] : []),
    ...(version ? ["HTTP/2"] : []),
    ...beside,
  ].join(", ");
}

/** One HTTP/1.1 request on a connection of its own, from inside the right namespace. */
export async function observeHttp(context: ProbeContext, probe: HttpProbe): Promise<ServiceObservation> {
  const { id, from, address, port, host, path, tls, method = "GET" } = probe;
  const scheme = tls ? "https" : "http";
  const request = requestLine(probe);
  const common = { kind: "http", id, from, to: `${address}:${port}`, request } as const;
  const canary = randomUUID();
  const client = new Client(`${scheme}://${address}:${port}`, {
    connect: connector(context, probe),
    headersTimeout: BOUND.exchangeMs,
    bodyTimeout: BOUND.exchangeMs,
    maxResponseSize: MOST_BODY_BYTES,
    pipelining: 1,
  });
  try {
    const headers = { ...probe.headers, host, accept: "application/json", [CANARY]: canary };
    // undici's own bounds are from one byte to the next: a body that drips on would have none.
    const signal = AbortSignal.timeout(BOUND.exchangeMs);
    const answer = await client.request({ method: method as Dispatcher.HttpMethod, path, headers, signal });
    return {
      ...common,
      outcome: "answered",
      ...readAnswer(answer.statusCode, answer.headers, await answer.body.text(), canary),
    };
  } catch (error) {
    if (error instanceof HarnessError) throw error;
    const { name, message, ...rest } = error as NodeJS.ErrnoException;
    const code = name === "TimeoutError" ? "ETIMEDOUT" : (rest.code ?? "");
    const silent = /TIMEOUT|ETIMEDOUT/.test(code);
    const facts = { refused: !silent, error: code };
    return {
      ...common,
      outcome: silent ? "silent" : "answered",
      answer: `no response: ${code || message}`,
      facts,
    };
  } finally {
    await client.destroy();
  }
}

/** What an answer says, and of which backend it is. */
export function readAnswer(
  status: number,
  headers: Record<string, string | string[] | undefined>,
  body: string,
  canary: string,
) {
  const guest = String(headers["x-phx-guest"] ?? "");
  const identity = guest ? parseIdentity(body) : undefined;
  const location = String(headers.location ?? "");
  const facts = {
    status,
    canary,
    guest,
    location,
    server: String(headers.server ?? ""),
    /** How the body begins; a backend's own is told by the facts above. */
    body: identity ? "" : body.slice(0, BODY_LENGTH).trim(),
    address: identity?.address ?? "",
    port: identity?.port ?? 0,
    peer: identity?.from ?? "",
    canaryReturned: identity?.received?.headers?.[CANARY] === canary,
  };
  const to = guest ? ` from guest ${guest}${facts.canaryReturned ? ", canary returned" : ""}` : "";
  return { answer: `${status}${to}${location ? ` to ${location}` : ""}`, facts };
}

function connector(
  { lab, roots }: ProbeContext,
  { from, address, port, tls }: HttpProbe,
): buildConnector.connector {
  return (_options, done) => {
    const tcp = connection(lab, from, address, port, done);
    if (!tcp) return;
    const socket = tls
      ? connectTls({
          socket: tcp,
          servername: tls.servername,
          ca: readFileSync(outside(lab, roots[tls.roots]), "utf8"),
          ALPNProtocols: ["http/1.1"],
        })
      : tcp;
    const timer = setTimeout(() => tcp.destroy(timeoutError()), BOUND.connectMs);
    const fail = (error: Error) => {
      clearTimeout(timer);
      done(error, null);
    };
    tcp.once("error", fail);
    socket.once("error", fail);
    socket.once(tls ? "secureConnect" : "connect", () => {
      clearTimeout(timer);
      tcp.off("error", fail);
      socket.off("error", fail);
      done(null, socket);
    });
  };
}

/* Where there is no lab to connect in, undici is to hear it as it would hear a refusal. */
function connection(lab: Lab, from: string, address: string, port: number, done: buildConnector.Callback) {
  try {
    return connectTcp(lab, from, address, port);
  } catch (error) {
    done(error as Error, null);
    return undefined;
  }
}

function timeoutError(): Error {
  return Object.assign(new Error("no answer"), { code: "ETIMEDOUT" });
}
