import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { connect } from "node:http2";
import { connect as connectTls } from "node:tls";
import { outside } from "../lab/lab.ts";
import { connectTcp } from "../lab/socket.ts";
import { BOUND } from "../lab/waits.ts";
import type { ProbeContext } from "./context.ts";
import { readAnswer, requestLine } from "./http.ts";
import { CANARY } from "./identity.ts";
import type { ServiceObservation } from "./observation.ts";
import type { HttpProbe } from "./probe.ts";

const MOST_BODY_BYTES = 4 * 1024 * 1024;

/** One HTTP/2 request (RFC 9113) on a connection of its own: over TLS by ALPN, without it by prior knowledge. */
export function observeHttp2({ lab, roots }: ProbeContext, probe: HttpProbe): Promise<ServiceObservation> {
  const { id, from, address, port, host, path, tls, method = "GET" } = probe;
  const common = { kind: "http", id, from, to: `${address}:${port}`, request: requestLine(probe) } as const;
  const canary = randomUUID();
  return new Promise((resolve) => {
    const tcp = connectTcp(lab, from, address, port);
    const socket = tls
      ? connectTls({
          socket: tcp,
          servername: tls.servername,
          ca: readFileSync(outside(lab, roots[tls.roots]), "utf8"),
          ALPNProtocols: ["h2"],
        })
      : tcp;
    const end = (rest: Pick<ServiceObservation, "outcome" | "answer" | "facts">) => {
      clearTimeout(timer);
      session?.destroy();
      socket.destroy();
      tcp.destroy();
      resolve({ ...common, ...rest });
    };
    const refused = (error: NodeJS.ErrnoException) => {
      const code = error.code ?? error.message;
      end({ outcome: "answered", answer: `no response: ${code}`, facts: { refused: true, error: code } });
    };
    const timer = setTimeout(
      () =>
        end({
          outcome: "silent",
          answer: "no response: ETIMEDOUT",
          facts: { refused: false, error: "ETIMEDOUT" },
        }),
      BOUND.exchangeMs,
    );
    tcp.on("error", refused);
    socket.on("error", refused);
    let session: ReturnType<typeof connect> | undefined;
    const ask = () => {
      session = connect(`${tls ? "https" : "http"}://${host}`, { createConnection: () => socket });
      session.on("error", refused);
      session.on("close", () => refused(new Error("closed")));
      const headers = { accept: "application/json", ...probe.headers, [CANARY]: canary };
      const stream = session.request({ ":method": method, ":path": path, ":authority": host, ...headers });
      let status = 0;
      let answered: Record<string, string | string[] | undefined> = {};
      const chunks: Buffer[] = [];
      let length = 0;
      stream.on("error", refused);
      stream.on("response", ({ ":status": code = 0, ...others }) => {
        status = code;
        answered = others as typeof answered;
      });
      stream.on("data", (chunk: Buffer) => {
        length += chunk.length;
        if (length > MOST_BODY_BYTES) refused(new Error(`more than ${MOST_BODY_BYTES} bytes`));
        else chunks.push(chunk);
      });
      stream.on("end", () => {
        if (status === 0) return refused(new Error("no status"));
        end({
          outcome: "answered",
          ...readAnswer(status, answered, Buffer.concat(chunks).toString(), canary),
        });
      });
    };
    socket.once(tls ? "secureConnect" : "connect", ask);
  });
}
