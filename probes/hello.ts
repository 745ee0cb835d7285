import type { Lab } from "../lab/lab.ts";
import { connectTcp } from "../lab/socket.ts";
import { BOUND } from "../lab/waits.ts";
import type { ProbeContext } from "./context.ts";
import type { ServiceObservation } from "./observation.ts";
import type { Hello, HelloProbe } from "./probe.ts";
import { ALL_SUITES, encodeHello } from "./tls-hello.ts";
import { type HelloReply, parseHelloReply } from "./tls-reply.ts";
import { alertName, suiteName, versionName } from "./tls-names.ts";

/** More than a ServerHello and a chain of certificates. */
const MOST_REPLY_BYTES = 256 * 1024;

/**
 * What a server says to ClientHellos, each on a connection of its own that ends with its answer. A fact for each hello, by
 * its id: one line, or for one that enumerates the list of suites that were taken, and under `ID, then` why no more was.
 */
export async function observeHello({ lab }: ProbeContext, probe: HelloProbe): Promise<ServiceObservation> {
  const { id, from, address, port, hellos } = probe;
  const end = performance.now() + BOUND.hellosMs;
  const ask = (hello: Hello, suites: readonly number[]) =>
    exchange(lab, probe, encodeHello(hello, suites), Math.min(BOUND.exchangeMs, end - performance.now()));
  const answers = await Promise.all(
    hellos.map((hello) => (hello.enumerates ? enumerate(hello, ask) : one(hello, ask))),
  );
  const facts = Object.assign({}, ...answers) as ServiceObservation["facts"];
  const silent = Object.values(facts).filter((fact) => fact === SILENT).length;
  return {
    kind: "tls",
    id,
    from,
    to: `${address}:${port}`,
    request: `${hellos.length} ClientHellos`,
    outcome: silent ? "silent" : "answered",
    answer: silent ? `${silent} of ${hellos.length} had no answer in time` : `${hellos.length} answers`,
    facts,
  };
}

const SILENT = "silent";

type Ask = (hello: Hello, suites: readonly number[]) => Promise<HelloReply | string>;

async function one(hello: Hello, ask: Ask): Promise<ServiceObservation["facts"]> {
  return { [hello.id]: inWords(await ask(hello, COMMON)) };
}

/* What a client of today offers; and what one of long ago did. */
const COMMON: readonly number[] = [
  0x1301, 0x1302, 0x1303, 0xc02b, 0xc02c, 0xc02f, 0xc030, 0xcca8, 0xcca9, 0xc009, 0xc00a, 0xc013, 0xc014,
  0x009c, 0x002f, 0x0035, 0x000a,
];

/** Offers all suites; then all but the one that was chosen, until none is. */
async function enumerate(hello: Hello, ask: Ask): Promise<ServiceObservation["facts"]> {
  const parts = await Promise.all(
    ALL_SUITES.map(async (part) => {
      const taken: string[] = [];
      let offered = part;
      for (;;) {
        const reply = await ask(hello, offered);
        if (typeof reply === "string" || reply.kind !== "accepted" || !offered.includes(reply.suite))
          return { taken, why: inWords(reply) };
        taken.push(`${versionName(reply.version)} ${suiteName(reply.suite)}`);
        offered = offered.filter((suite) => suite !== reply.suite);
      }
    }),
  );
  const ends = [...new Set(parts.map(({ why }) => why))];
  return {
    [hello.id]: parts.flatMap(({ taken }) => taken),
    [`${hello.id}, then`]: ends.includes(SILENT) ? SILENT : ends.join("; "),
  };
}

function inWords(reply: HelloReply | string): string {
  if (typeof reply === "string") return reply;
  switch (reply.kind) {
    case "alert":
      return `alert ${reply.alert} ${alertName(reply.alert)}`;
    case "garbage":
      return `no TLS: ${JSON.stringify(reply.bytes)}`;
    case "accepted":
      return [
        `${versionName(reply.version)} ${suiteName(reply.suite)}`,
        ...(reply.alpn ? [`ALPN ${reply.alpn}`] : []),
        ...(reply.compression ? [`compression ${reply.compression}`] : []),
        ...(reply.ticket ? ["a session ticket"] : []),
        ...(reply.version < 0x0304 && !reply.secureRenegotiation ? ["insecure renegotiation"] : []),
        ...(reply.names.length ? [`certificate ${reply.names.join(", ")}`] : []),
      ].join(", ");
  }
}

/** One hello on a connection; what came instead of a reply in a word: `closed`, an error's code, `silent`. */
function exchange(
  lab: Lab,
  { from, address, port }: HelloProbe,
  hello: Buffer,
  boundMs: number,
): Promise<HelloReply | string> {
  return new Promise((resolve) => {
    const socket = connectTcp(lab, from, address, port);
    let heard = Buffer.alloc(0);
    const end = (reply: HelloReply | string) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(reply);
    };
    const timer = setTimeout(() => end(SILENT), Math.max(boundMs, 0));
    socket.on("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    socket.on("close", () => end("closed"));
    socket.on("data", (chunk: Buffer) => {
      heard = Buffer.concat([heard, chunk]);
      const reply = parseHelloReply(heard);
      if (reply) end(reply);
      else if (heard.length > MOST_REPLY_BYTES) end("no end of the reply");
    });
    socket.write(hello);
  });
}
