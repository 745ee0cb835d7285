import { type Estate, guestOf, type Route } from "../policy/estate.ts";
import { folderOf, KEYS, TRAEFIK_API_PORT } from "./layout.ts";
import type { Resource } from "./resource.ts";

/** Name of Traefik's certificate resolver, and so the first key of its acme.json. */
export const RESOLVER = "internal";
export const ACME_EMAIL = "admin@internal.invalid";

/** Traefik's static and dynamic configuration, as JSON (which is YAML). */
export function meshFiles(estate: Estate): Resource[] {
  const folder = folderOf(guestOf(estate, "mesh").id);
  return [
    file(`${folder}/traefik.yml`, staticConfig(estate, pathsIn(folder))),
    file(`${folder}/dynamic/estate.yml`, dynamicConfig(estate, KEYS.root)),
  ];
}

/** Where Traefik's files lie, as it names them. */
export interface MeshPaths {
  readonly root: string;
  /** Of the file provider. */
  readonly provider: { readonly directory: string } | { readonly filename: string };
  readonly store: string;
  readonly accessLog: string;
}

function pathsIn(folder: string): MeshPaths {
  return {
    root: KEYS.root,
    provider: { directory: `${folder}/dynamic` },
    store: `${folder}/acme.json`,
    accessLog: `${folder}/access.json`,
  };
}

/** Traefik's start, as a value of YAML. */
export function staticConfig(estate: Estate, paths: MeshPaths): unknown {
  const mesh = guestOf(estate, "mesh").address;
  const edge = guestOf(estate, "gateway").address;
  const { ca } = estate;
  return {
    global: { checkNewVersion: false, sendAnonymousUsage: false },
    log: { level: "INFO", format: "json" },
    accessLog: { format: "json", filePath: paths.accessLog },
    api: { insecure: true, dashboard: false },
    entryPoints: {
      traefik: { address: `127.0.0.1:${TRAEFIK_API_PORT}`, http: { aliasHeadersStrategy: "delete" } },
      websecure: {
        address: `${mesh}:443`,
        forwardedHeaders: { trustedIPs: [`${edge}/32`] },
        http: { aliasHeadersStrategy: "delete", sanitizePath: true },
      },
    },
    providers: { providersThrottleDuration: "50ms", file: { ...paths.provider, watch: true } },
    certificatesResolvers: {
      [RESOLVER]: {
        acme: {
          email: ACME_EMAIL,
          caServer: `https://${ca.dnsName}:${ca.port}/acme/${ca.provisioner}/directory`,
          caCertificates: [paths.root],
          storage: paths.store,
          keyType: "EC256",
          certificatesDuration: 24,
          clientResponseHeaderTimeout: "60s",
          clientTimeout: "2m",
          tlsChallenge: {},
        },
      },
    },
  };
}

/** A router and a service for each declared hostname; the priority is explicit, since Traefik's own is the rule's length. */
export function dynamicConfig(
  estate: Estate,
  root: string,
  { entryPoint, resolver } = { entryPoint: "websecure", resolver: RESOLVER },
): unknown {
  const tlsRoutes = estate.routes.filter((route) => route.tls);
  const http = {
    routers: byName(estate.routes, (route) => ({
      entryPoints: [entryPoint],
      rule: ruleOf(route),
      priority: 100,
      service: routerName(route),
      tls: { certResolver: resolver },
    })),
    services: byName(estate.routes, (route) => ({
      loadBalancer: {
        servers: [{ url: urlOf(route) }],
        passHostHeader: true,
        ...(route.tls ? { serversTransport: routerName(route) } : {}),
      },
    })),
    ...(tlsRoutes.length
      ? {
          serversTransports: byName(tlsRoutes, (route) => ({
            rootCAs: [root],
            serverName: route.hostname,
          })),
        }
      : {}),
  };
  return {
    ...(estate.routes.length ? { http } : {}),
    tls: {
      options: {
        default: {
          minVersion: "VersionTLS12",
          sniStrict: true,
          cipherSuites: [
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
          ],
        },
      },
    },
  };
}

/** As Traefik's API tells them: `RULE > URL`. */
export function routeLines(estate: Estate): string[] {
  return estate.routes.map((route) => `${ruleOf(route)} > ${urlOf(route)}`);
}

function ruleOf({ hostname }: Route): string {
  return `Host(\`${hostname}\`)`;
}

function urlOf({ tls, address, port }: Route): string {
  return `${tls ? "https" : "http"}://${address}:${port}`;
}

function byName<T>(routes: readonly Route[], make: (route: Route) => T): Record<string, T> {
  return Object.fromEntries(routes.map((route) => [routerName(route), make(route)]));
}

/** Name of a route's router and service in Traefik: `a-b.test` is `a--b-test`, so that no two hostnames share one. */
function routerName(route: Route): string {
  return route.hostname.replaceAll("-", "--").replaceAll(".", "-");
}

function file(path: string, content: unknown): Resource {
  return { kind: "file", key: `file ${path}`, path, content: `${JSON.stringify(content, null, 2)}\n` };
}
