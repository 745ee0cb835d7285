import { createSocket } from "node:dgram";
import { openSync, readFileSync } from "node:fs";
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttps } from "node:https";
import type { TLSSocket } from "node:tls";
import { AF_INET, bindInet, reuseAddress, SOCK_DGRAM, SOCK_STREAM, setns, socket } from "./libc.ts";

/* The backends of a lab, in one process of the lab that holds a socket in each guest's namespace. It answers who it is,
   what it received and from whom. Argument: the path of a JSON list of listeners. */

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
  setns(openSync(`/run/netns/${listener.namespace}`, "r"));
  const fd = socket(AF_INET, listener.proto === "tcp" ? SOCK_STREAM : SOCK_DGRAM, 0);
  reuseAddress(fd);
  bindInet(fd, listener.address, listener.port);
  setns(home);
  return fd;
}

function answer(listener: Listener, request: IncomingMessage, response: ServerResponse): void {
  const { socket: peer } = request;
  const received = { method: request.method, path: request.url, headers: request.headers };
  const servername = (peer as TLSSocket).servername || undefined;
  const { guest, name, address, port } = listener;
  const body = { guest, name, address, port, from: peer.remoteAddress, servername, received };
  const wantsPage = request.headers.accept?.includes("text/html") === true;
  response.setHeader("x-phx-guest", guest);
  response.setHeader("content-type", wantsPage ? "text/html; charset=utf-8" : "application/json");
  response.end(wantsPage ? page(listener) : JSON.stringify(body));
}

function page({ guest, name, address, port }: Listener): string {
  const text = (value: unknown) => String(value).replace(/[&<>"]/g, (each) => `&#${each.charCodeAt(0)};`);
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${text(name)}</title>
<style>body{font:20px/1.5 system-ui,sans-serif;margin:12vh auto;max-width:32rem;text-align:center}</style>
<h1>${text(name)}</h1><p>guest <b id="guest">${text(guest)}</b> at ${text(address)}:${text(port)}</p></html>\n`;
}

function serve(listener: Listener): void {
  const fd = bound(listener);
  if (listener.proto === "udp") {
    const udp = createSocket("udp4");
    udp.on("message", (_message, peer) =>
      udp.send(JSON.stringify({ guest: listener.guest }), peer.port, peer.address),
    );
    udp.bind({ fd });
    return;
  }
  const onRequest = (request: IncomingMessage, response: ServerResponse) =>
    answer(listener, request, response);
  const { tls } = listener;
  const server = tls
    ? createHttps({ cert: readFileSync(tls.cert), key: readFileSync(tls.key) }, onRequest)
    : createHttp(onRequest);
  server.listen({ fd });
}

for (const listener of JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as Listener[]) serve(listener);
