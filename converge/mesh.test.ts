import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { estateWith } from "../fixtures/reference.ts";
import type { Estate, Route } from "../policy/estate.ts";
import { KEYS } from "./layout.ts";
import { meshFiles } from "./mesh.ts";

const reference = estateWith(() => {});

interface Dynamic {
  readonly http?: {
    readonly routers: Record<string, { rule: string; service: string; entryPoints: string[]; tls: object }>;
    readonly services: Record<
      string,
      { loadBalancer: { servers: { url: string }[]; serversTransport?: string; passHostHeader: boolean } }
    >;
    readonly serversTransports?: Record<string, { rootCAs: string[]; serverName: string }>;
  };
  readonly tls: { readonly options: { readonly default: { readonly sniStrict: boolean } } };
}

function render(estate: Estate, name: string): unknown {
  const file = meshFiles(estate).find((each) => each.kind === "file" && each.path.endsWith(name));
  assert.ok(file?.kind === "file");
  return JSON.parse(file.content);
}

const dynamicOf = (estate: Estate) => render(estate, "/dynamic/estate.yml") as Dynamic;

/** `hostname -> url` as Traefik would forward; every router has its own service. */
function forwards(estate: Estate): string[] {
  const { http } = dynamicOf(estate);
  return Object.values(http?.routers ?? {}).map(({ rule, service, entryPoints }) => {
    assert.deepEqual(entryPoints, ["websecure"]);
    const hostname = /^Host\(`([^`]+)`\)$/.exec(rule)?.[1] ?? assert.fail(rule);
    const { loadBalancer } = http?.services[service] ?? assert.fail(service);
    return `${hostname} -> ${loadBalancer.servers.map(({ url }) => url).join(" ")}`;
  });
}

const expected = (routes: readonly Route[]) =>
  routes.map(
    ({ hostname, tls, address, port }) => `${hostname} -> ${tls ? "https" : "http"}://${address}:${port}`,
  );

test("each declared hostname goes to its guest and port, and no other is known", () => {
  assert.deepEqual(forwards(reference), expected(reference.routes));
  assert.ok(reference.routes.length >= 4);
});

test("towards a TLS backend Traefik trusts Step-CA's root alone and asks for the route's own name", () => {
  const { http } = dynamicOf(reference);
  for (const route of reference.routes) {
    const [service] = Object.values(http?.services ?? {}).filter(({ loadBalancer }) =>
      loadBalancer.servers.some(({ url }) => url.endsWith(`${route.address}:${route.port}`)),
    );
    const transport = http?.serversTransports?.[service?.loadBalancer.serversTransport ?? ""];
    assert.deepEqual(transport, route.tls ? { rootCAs: [KEYS.root], serverName: route.hostname } : undefined);
  }
});

test("a name that is not declared ends at the handshake", () => {
  assert.equal(dynamicOf(reference).tls.options.default.sniStrict, true);
});

test("only the edge is believed about whom it forwards for, and only websecure is reached from outside", () => {
  const { entryPoints } = render(reference, "/traefik.yml") as {
    entryPoints: Record<string, { address: string; forwardedHeaders?: { trustedIPs: string[] } }>;
  };
  assert.equal(entryPoints["websecure"]?.address, "10.0.0.12:443");
  assert.deepEqual(entryPoints["websecure"]?.forwardedHeaders?.trustedIPs, ["10.0.0.153/32"]);
  const others = Object.values(entryPoints).filter(({ address }) => !address.startsWith("10.0.0.12:443"));
  for (const { address } of others) assert.match(address, /^127\.0\.0\.1:/);
});

test("without routes there is no http section: Traefik refuses an empty one", () => {
  assert.equal(dynamicOf({ ...reference, routes: [] }).http, undefined);
});

test("no two hostnames share a router, whatever dashes and dots they have", () => {
  const [route] = reference.routes;
  assert.ok(route);
  const label = fc.stringMatching(/^[ab](-{0,3}[ab]){0,2}$/);
  const hostname = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."));
  fc.assert(
    fc.property(fc.uniqueArray(hostname, { minLength: 2, maxLength: 12 }), (hostnames) => {
      const routes = hostnames.map((each, index) => ({ ...route, hostname: each, port: 1000 + index }));
      assert.deepEqual(forwards({ ...reference, routes }).sort(), expected(routes).sort());
    }),
  );
});
