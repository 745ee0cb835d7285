import { randomUUID } from "node:crypto";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Lab } from "../lab/lab.ts";
import { connectTcp } from "../lab/socket.ts";
import { BOUND } from "../lab/waits.ts";
import type { ProbeContext } from "./context.ts";
import { CANARY, parseIdentity } from "./identity.ts";
import type { ServiceObservation } from "./observation.ts";
import type { RawProbe } from "./probe.ts";
import { parseResponses, type RawResponse } from "./raw-response.ts";

const BODY_LENGTH = 80;
const MOST_REPLY_BYTES = 1024 * 1024;

/**
 * Bytes on a connection of its own, and all that came back until the server closed it; where the bytes don't ask for that,
 * our side is ended once a first response is whole. The peer's certificate is not verified: others do that.
 */
export async function observeRaw({ lab }: ProbeContext, probe: RawProbe): Promise<ServiceObservation> {
  const { id, from, address, port, tls, bytes, title } = probe;
  const canary = randomUUID();
  const sent = Buffer.from(bytes.replaceAll("{canary}", canary), "latin1");
  const toHead = bytes.startsWith("HEAD ");
  const common = {
    kind: "http",
    id,
    from,
    to: `${address}:${port}`,
    request: `${title}${tls ? ` over TLS${tls.servername ? ` for ${tls.servername}` : ""}` : ""}`,
  } as const;
  const { heard, ended } = await exchange(lab, probe, sent, toHead);
  const { responses, rest } = parseResponses(heard, { closed: ended !== "open", toHead });
  const [first] = responses.filter(({ status }) => status >= 200);
  const facts = {
    ended,
    canary,
    responses: responses.filter(({ status }) => status >= 200).length,
    statuses: responses.map(({ status }) => String(status)),
    rest,
    ...factsOf(first, canary),
  };
  const outcome = ended === "open" ? "silent" : "answered";
  return { ...common, outcome, answer: inWords(facts), facts };
}

function factsOf(response: RawResponse | undefined, canary: string) {
  const header = (name: string) =>
    response?.headers.filter(([each]) => each === name).map(([, value]) => value) ?? [];
  const [guest = ""] = header("x-phx-guest");
  const body = response?.body.toString("latin1") ?? "";
  const identity = guest ? parseIdentity(body) : undefined;
  const received = Object.entries(identity?.received?.headers ?? {});
  return {
    status: response?.status ?? 0,
    guest,
    location: header("location").join(", "),
    server: header("server").join(", "),
    hsts: header("strict-transport-security"),
    body: identity ? "" : body.slice(0, BODY_LENGTH).trim(),
    address: identity?.address ?? "",
    port: identity?.port ?? 0,
    peer: identity?.from ?? "",
    /** What the backend received, headers as `name: value`. */
    received: received.map(([name, value]) => `${name}: ${String(value)}`),
    receivedLine: identity ? `${identity.received?.method ?? ""} ${identity.received?.path ?? ""}` : "",
    canaryReturned: identity?.received?.headers?.[CANARY] === canary,
  };
}

function inWords(
  facts: ReturnType<typeof factsOf> & { ended: string; statuses: string[]; rest: string },
): string {
  const { ended, statuses, guest, location, rest } = facts;
  const end = ended === "open" ? `still open after ${BOUND.exchangeMs} ms` : ended;
  if (statuses.length === 0) return rest ? `no HTTP: ${JSON.stringify(rest)}, ${end}` : `no response, ${end}`;
  const to = `${guest ? ` from guest ${guest}` : ""}${location ? ` to ${location}` : ""}`;
  return `${statuses.join(", ")}${to}${ended === "open" ? `, ${end}` : ""}`;
}

/** `ended`: `closed`, an error's code, or `open` where the bound came first. */
function exchange(
  lab: Lab,
  { from, address, port, tls }: RawProbe,
  sent: Buffer,
  toHead: boolean,
): Promise<{ heard: Buffer; ended: string }> {
  return new Promise((resolve) => {
    const tcp = connectTcp(lab, from, address, port);
    const socket: Socket = tls
      ? connectTls({
          socket: tcp,
          rejectUnauthorized: false,
          ...(tls.servername === undefined ? {} : { servername: tls.servername }),
          ALPNProtocols: ["http/1.1"],
        })
      : tcp;
    const chunks: Buffer[] = [];
    let length = 0;
    // Who asked the server to close leaves it to the server: to end first would break off a request behind the first one.
    let halfClosed = /\bclose\b/i.test(sent.toString("latin1"));
    const end = (ended: string) => {
      clearTimeout(timer);
      socket.destroy();
      tcp.destroy();
      resolve({ heard: Buffer.concat(chunks), ended });
    };
    const timer = setTimeout(() => end("open"), BOUND.exchangeMs);
    const failed = (error: NodeJS.ErrnoException) => end(error.code ?? error.message);
    tcp.on("error", failed);
    if (tls) socket.on("error", failed);
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length > MOST_REPLY_BYTES) return end("cut off");
      if (halfClosed || !/HTTP/.test(chunks[0]?.toString("latin1") ?? "")) return;
      const [first] = parseResponses(Buffer.concat(chunks), { closed: false, toHead }).responses;
      if (!first?.complete || first.status < 200) return;
      halfClosed = true;
      socket.end();
    });
    socket.on("end", () => end("closed"));
    socket.on("close", () => end("closed"));
    socket.write(sent);
  });
}
