import { createHash } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { appendFileSync, closeSync, openSync, readFileSync, statSync } from "node:fs";
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttps } from "node:https";
import type { TLSSocket } from "node:tls";
import { AF_INET, bindInet, reuseAddress, SOCK_DGRAM, SOCK_STREAM, setns, socket } from "./libc.ts";

/* The backends of a lab, in one process of the lab that holds a socket in each guest's namespace. It answers who it is,
   what it received and from whom, and keeps a line of each request that has a canary. Arguments: the path of a JSON list of
   listeners, and of the file for those lines. On SIGHUP it reads the list anew, and opens and closes only what differs; then,
   as at its start, it says how many it serves. */

interface Listener {
  readonly namespace: string;
  readonly guest: string;
  readonly name: string;
  readonly address: string;
  readonly proto: "tcp" | "udp";
  readonly port: number;
  readonly tls?: { readonly cert: string; readonly key: string };
}

const home = openSync("/proc/thread-self/ns/net", "r");

function bound(listener: Listener): number {
  const namespace = openSync(`/run/netns/${listener.namespace}`, "r");
  setns(namespace);
  const fd = socket(AF_INET, listener.proto === "tcp" ? SOCK_STREAM : SOCK_DGRAM, 0);
  reuseAddress(fd);
  bindInet(fd, listener.address, listener.port);
  setns(home);
  // Left open, it would keep the namespace when its name is gone.
  closeSync(namespace);
  return fd;
}

function answer(listener: Listener, request: IncomingMessage, response: ServerResponse): void {
  const { socket: peer } = request;
  const received = { method: request.method, path: request.url, headers: request.headers };
  const servername = (peer as TLSSocket).servername || undefined;
  const { guest, name, address, port } = listener;
  keep(listener, request);
  const body = { guest, name, address, port, from: peer.remoteAddress, servername, received };
  const wantsPage = request.headers.accept?.includes("text/html") === true;
  response.setHeader("x-phx-guest", guest);
  response.setHeader("content-type", wantsPage ? "text/html; charset=utf-8" : "application/json");
  response.end(wantsPage ? page(listener) : JSON.stringify(body));
}

const LONGEST = 200;

/* Before the answer: who has that finds the line there. */
function keep(
  { guest, address, port }: Listener,
  { socket: peer, method, url = "", headers }: IncomingMessage,
): void {
  const canary = headers["x-phx-canary"];
  if (typeof canary !== "string") return;
  const line = {
    canary: canary.slice(0, LONGEST),
    guest,
    to: `${address}:${port}`,
    from: peer.remoteAddress,
    method,
  };
  appendFileSync(process.argv[3] ?? "", `${JSON.stringify({ ...line, path: url.slice(0, LONGEST) })}\n`);
}

function page({ guest, name, address, port }: Listener): string {
  const text = (value: unknown) => String(value).replace(/[&<>"]/g, (each) => `&#${each.charCodeAt(0)};`);
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${text(name)}</title>
<style>body{font:20px/1.5 system-ui,sans-serif;margin:12vh auto;max-width:32rem;text-align:center}</style>
<h1>${text(name)}</h1><p>guest <b id="guest">${text(guest)}</b> at ${text(address)}:${text(port)}</p></html>\n`;
}

type Close = () => void;

function serve(listener: Listener): { readonly isOpen: Promise<unknown>; readonly close: Close } {
  const fd = bound(listener);
  if (listener.proto === "udp") {
    const udp = createSocket("udp4");
    udp.on("message", (_message, peer) =>
      udp.send(JSON.stringify({ guest: listener.guest }), peer.port, peer.address),
    );
    udp.bind({ fd });
    return { isOpen: once(udp, "listening"), close: () => udp.close() };
  }
  const onRequest = (request: IncomingMessage, response: ServerResponse) =>
    answer(listener, request, response);
  const { tls } = listener;
  const server = tls
    ? createHttps({ cert: readFileSync(tls.cert), key: readFileSync(tls.key) }, onRequest)
    : createHttp(onRequest);
  server.listen({ fd });
  const close = () => {
    server.close();
    server.closeIdleConnections();
  };
  return { isOpen: once(server, "listening"), close };
}

/** What tells two listeners apart: also that a namespace or a certificate was made anew under the same name. */
function identity(listener: Listener): string {
  const { namespace, tls } = listener;
  const files = tls ? [readFileSync(tls.cert, "utf8"), readFileSync(tls.key, "utf8")] : [];
  const made = [String(statSync(`/run/netns/${namespace}`).ino), ...files];
  return createHash("sha256")
    .update(JSON.stringify([listener, made]))
    .digest("hex");
}

const open = new Map<string, Close>();

/* What is closed goes first: another listener may have its address and port. */
async function reread(): Promise<void> {
  const listeners = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as Listener[];
  const wanted = new Map(listeners.map((listener) => [identity(listener), listener]));
  for (const [key, close] of open) {
    if (wanted.has(key)) continue;
    close();
    open.delete(key);
  }
  const opening = [...wanted].flatMap(([key, listener]) => {
    if (open.has(key)) return [];
    const { isOpen, close } = serve(listener);
    open.set(key, close);
    return [isOpen];
  });
  await Promise.all(opening);
  console.log(`serving ${open.size} listeners`);
}

let turn = Promise.resolve();
const takeTurn = () => {
  turn = turn.then(reread);
};
process.on("SIGHUP", takeTurn);
takeTurn();
