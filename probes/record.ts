import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { HarnessError } from "../errors.ts";
import { exchangeHttp } from "../lab/exchange.ts";
import { type Lab, outside } from "../lab/lab.ts";
import { tcpListeners } from "../lab/network.ts";
import { BOUND } from "../lab/waits.ts";
import type { ProbeContext } from "./context.ts";
import type { ServiceObservation } from "./observation.ts";
import type { RecordProbe } from "./probe.ts";

/** Reads what a server keeps about itself, inside its own guest. */
export async function observeRecord(context: ProbeContext, probe: RecordProbe): Promise<ServiceObservation> {
  switch (probe.record) {
    case "ca-orders":
      return caOrders(context.lab, probe, context.caLog);
    case "traefik-certificates":
      return traefikCertificates(context, probe);
    case "traefik-routers":
      return traefikRouters(context, probe);
    case "trust-stores":
      return trustStores(context, probe);
    case "live-rules":
      return liveRules(context, probe);
    case "second-converge":
      return secondConverge(context, probe);
  }
}

interface LogLine {
  readonly path?: string;
  readonly response?: string;
  readonly serial?: string;
  readonly provisioner?: string;
  readonly sans?: { readonly dns?: readonly string[] };
}

/**
 * Step-CA's JSON log: which order validated which name by which challenge, and which certificate came of it. Facts:
 * `issued`, a line `SERIAL(hex) NAME PROVISIONER CHALLENGE STATUS` for each certificate.
 */
function caOrders(lab: Lab, { id, from }: RecordProbe, log: string): ServiceObservation {
  const path = outside(lab, log);
  const common = {
    kind: "record",
    id,
    from,
    to: log,
    request: "Step-CA's log of orders, challenges and certificates",
  } as const;
  if (!existsSync(path))
    return { ...common, outcome: "unknown", answer: "no log", reason: `${log} is absent`, facts: {} };
  const lines = readFileSync(path, "utf8").split("\n").flatMap(parseLine);
  const challenges = validated(lines);
  const issued = lines
    .filter(({ serial, sans }) => serial !== undefined && sans?.dns !== undefined)
    .flatMap(({ serial = "", provisioner = "", sans }) =>
      (sans?.dns ?? []).map((name) => {
        const challenge = challenges.get(name) ?? "no challenge";
        return `${BigInt(serial).toString(16)} ${name} ${provisioner} ${challenge}`;
      }),
    );
  const unique = [...new Set(issued)];
  return {
    ...common,
    outcome: "answered",
    answer: `${unique.length} certificates on record`,
    facts: { issued: unique },
  };
}

/** By name: the type of the challenge that was validated for it. The authorization ties a challenge to its name. */
function validated(lines: readonly LogLine[]): Map<string, string> {
  const nameOfAuthorization = new Map<string, string>();
  const challengeOfAuthorization = new Map<string, string>();
  for (const { path = "", response } of lines) {
    const [, , , kind, authorization = ""] = path.split("/");
    if (!response || (kind !== "authz" && kind !== "challenge")) continue;
    const answer = parseObject(response);
    const identifier = answer.identifier as { value?: string } | undefined;
    if (kind === "authz" && identifier?.value) nameOfAuthorization.set(authorization, identifier.value);
    if (kind === "challenge" && answer.status === "valid")
      challengeOfAuthorization.set(authorization, String(answer.type));
  }
  return new Map(
    [...nameOfAuthorization].flatMap(([authorization, name]) => {
      const challenge = challengeOfAuthorization.get(authorization);
      return challenge ? [[name, challenge] as const] : [];
    }),
  );
}

function parseLine(line: string): LogLine[] {
  return line.startsWith("{") ? [parseObject(line) as LogLine] : [];
}

/* A line that is cut in the middle (the server still writes) counts as absent. */
function parseObject(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** Traefik's own list: facts `held`, a line `SERIAL(hex) NAME,NAME` for each certificate. */
async function traefikCertificates(
  { lab, mesh, traefikApiPort }: ProbeContext,
  { id, from }: RecordProbe,
): Promise<ServiceObservation> {
  const path = "/api/certificates?per_page=1000";
  const to = `127.0.0.1:${traefikApiPort} in ${mesh}`;
  const common = { kind: "record", id, from, to, request: `GET ${path}` } as const;
  const asked = { address: "127.0.0.1", port: traefikApiPort, path };
  try {
    const { status, body } = await exchangeHttp(lab, mesh, asked, BOUND.exchangeMs);
    const list = JSON.parse(body) as { serialNumber?: string; sans?: string[] }[];
    const held = list.map(
      ({ serialNumber = "", sans = [] }) => `${serialNumber.toLowerCase()} ${sans.join(",")}`,
    );
    return {
      ...common,
      outcome: "answered",
      answer: `${status}: ${held.length} certificates`,
      facts: { held },
    };
  } catch (error) {
    if (error instanceof HarnessError) throw error;
    return {
      ...common,
      outcome: "silent",
      answer: `Traefik's API does not answer: ${String(error)}`,
      facts: { held: [] },
    };
  }
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
/* `proxy_ssl_trusted_certificate PATH;` of Nginx, `"rootCAs": ["PATH"]` and `"caCertificates"` of Traefik. */
const TRUSTED = /(?:proxy_ssl_trusted_certificate\s+|"(?:rootCAs|caCertificates)":\s*\[\s*")([^;"\s]+)/g;

/** Whom the live configurations trust: facts `trusted`, a line `FILE FINGERPRINT SUBJECT` for each root in each store. */
function trustStores({ lab, trustFiles }: ProbeContext, { id, from }: RecordProbe): ServiceObservation {
  const common = {
    kind: "record",
    id,
    from,
    to: trustFiles.join(", "),
    request: "roots in the live trust stores",
  } as const;
  const absent = trustFiles.find((path) => !existsSync(outside(lab, path)));
  if (absent)
    return { ...common, outcome: "unknown", answer: "no file", reason: `${absent} is absent`, facts: {} };
  const stores = trustFiles.flatMap((path) =>
    [...readFileSync(outside(lab, path), "utf8").matchAll(TRUSTED)].map(
      ([, store = ""]) => `${path} > ${store}`,
    ),
  );
  const trusted = [...new Set(stores)].flatMap((each) => rootsIn(lab, each));
  return {
    ...common,
    outcome: "answered",
    answer: `${trusted.length} roots in ${new Set(stores).size} stores`,
    facts: { trusted },
  };
}

function rootsIn(lab: Lab, store: string): string[] {
  const path = outside(lab, store.split(" > ")[1] ?? "");
  const pems = existsSync(path) ? (readFileSync(path, "utf8").match(PEM) ?? []) : [];
  if (pems.length === 0) return [`${store} no-certificate`];
  return pems.map((pem) => {
    const { fingerprint256, subject } = new X509Certificate(pem);
    return `${store} ${fingerprint256} ${subject.replaceAll("\n", ", ")}`;
  });
}

async function liveRules(context: ProbeContext, { id, from }: RecordProbe): Promise<ServiceObservation> {
  const common = { kind: "record", id, from, to: "the node", request: "read the live rules back" } as const;
  return { ...common, ...(await context.liveRules()) };
}

async function secondConverge(
  { convergeAgain }: ProbeContext,
  { id, from }: RecordProbe,
): Promise<ServiceObservation> {
  const common = {
    kind: "record",
    id,
    from,
    to: "the lab",
    request: "converge the same files once more",
  } as const;
  if (!convergeAgain)
    return {
      ...common,
      outcome: "unknown",
      answer: "not run",
      reason: "this run converges nothing",
      facts: {},
    };
  return { ...common, ...(await convergeAgain()) };
}

interface RawData {
  readonly routers?: Readonly<Record<string, { rule?: string; service?: string; entryPoints?: string[] }>>;
  readonly services?: Readonly<Record<string, { loadBalancer?: { servers?: { url?: string }[] } }>>;
}

/**
 * Traefik's runtime: facts `routers`, a line `RULE on ENTRYPOINTS > URLS` for each router of a provider other than its own
 * (and for its own on another entry point than `traefik`), and `listeners` of its guest.
 */
async function traefikRouters(
  { lab, mesh, traefikApiPort }: ProbeContext,
  { id, from }: RecordProbe,
): Promise<ServiceObservation> {
  const path = "/api/rawdata";
  const to = `127.0.0.1:${traefikApiPort} in ${mesh}`;
  const common = { kind: "record", id, from, to, request: `GET ${path}` } as const;
  try {
    const { status, body } = await exchangeHttp(
      lab,
      mesh,
      { address: "127.0.0.1", port: traefikApiPort, path },
      BOUND.exchangeMs,
    );
    const { routers = {}, services = {} } = JSON.parse(body) as RawData;
    const lines = Object.entries(routers).flatMap(([name, router]) => routerLine(name, router, services));
    const facts = { routers: lines, listeners: [...tcpListeners(lab, mesh)].sort() };
    return { ...common, outcome: "answered", answer: `${status}: ${lines.length} routers`, facts };
  } catch (error) {
    if (error instanceof HarnessError) throw error;
    return {
      ...common,
      outcome: "silent",
      answer: `Traefik's API does not answer: ${String(error)}`,
      facts: {},
    };
  }
}

function routerLine(
  name: string,
  { rule = "", service = "", entryPoints = [] }: { rule?: string; service?: string; entryPoints?: string[] },
  services: NonNullable<RawData["services"]>,
): string[] {
  const provider = name.split("@")[1] ?? "";
  if (provider === "internal" && entryPoints.join() === "traefik") return [];
  const known = services[service] ?? services[`${service}@${provider}`];
  const urls = (known?.loadBalancer?.servers ?? []).map(({ url = "" }) => url).join(", ");
  return [`${rule} on ${entryPoints.join(", ")} > ${urls || service}`];
}
