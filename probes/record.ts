import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { ip6State } from "../lab/ip6.ts";
import { type Lab, outside } from "../lab/lab.ts";
import { caOrders } from "./ca-log.ts";
import { caRoots } from "./ca-roots.ts";
import type { ProbeContext } from "./context.ts";
import { zoneContents } from "./dns-zones.ts";
import type { ServiceObservation } from "./observation.ts";
import { operatorFiles } from "./operator-files.ts";
import type { RecordProbe } from "./probe.ts";
import { proxyTargets } from "./proxy-targets.ts";
import { traefikCertificates, traefikRouters } from "./traefik.ts";

/** Reads what a server keeps about itself, inside its own guest. */
export async function observeRecord(context: ProbeContext, probe: RecordProbe): Promise<ServiceObservation> {
  switch (probe.record) {
    case "ca-orders":
      return caOrders(context.lab, probe, context.caLog);
    case "traefik-certificates":
      return traefikCertificates(context, probe);
    case "traefik-routers":
      return traefikRouters(context, probe);
    case "proxy-targets":
      return proxyTargets(context, probe);
    case "trust-stores":
      return trustStores(context, probe);
    case "ca-roots":
      return caRoots(context, probe);
    case "ip6-state":
      return ip6States(context, probe);
    case "live-rules":
      return liveRules(context, probe);
    case "zones":
      return zoneContents(context, probe);
    case "operator-files":
      return operatorFiles(context, probe);
    case "second-converge":
      return secondConverge(context, probe);
  }
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
/* `proxy_ssl_trusted_certificate PATH;` of Nginx; the lists `rootCAs` and `caCertificates` of Traefik, JSON or YAML. */
const TRUSTED =
  /(?:proxy_ssl_trusted_certificate|"?(?:rootCAs|caCertificates)"?:)((?:[\s[,-]*["']?\/[^\s"',;\]]+["']?)+)/g;
const PATHS = /\/[^\s"',;\]]+/g;
const COMMENT = /(?:^|\s)#.*$/gm;

/** Whom the live configurations trust: facts `trusted`, a line `FILE FINGERPRINT SUBJECT` for each root in each store. */
function trustStores({ lab, trustFiles }: ProbeContext, { id, from }: RecordProbe): ServiceObservation {
  const common = {
    kind: "record",
    id,
    from,
    to: trustFiles.map(({ path }) => path).join(", "),
    request: "roots in the live trust stores",
  } as const;
  const absent = trustFiles.map(({ path }) => path).find((path) => !existsSync(outside(lab, path)));
  if (absent)
    return { ...common, outcome: "unknown", answer: "no file", reason: `${absent} is absent`, facts: {} };
  const stores = trustFiles.flatMap(({ path, root }) =>
    storesIn(readFileSync(outside(lab, path), "utf8")).map((store) => `${path} > ${root}${store}`),
  );
  const trusted = [...new Set(stores)].flatMap((each) => rootsIn(lab, each));
  return {
    ...common,
    outcome: "answered",
    answer: `${trusted.length} roots in ${new Set(stores).size} stores`,
    facts: { trusted },
  };
}

function storesIn(text: string): string[] {
  const lists = [...text.replaceAll(COMMENT, "").matchAll(TRUSTED)].map(([, list = ""]) => list);
  return lists.flatMap((list) => list.match(PATHS) ?? []);
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

/** What has IPv6: facts `addresses` and `listeners`, a line `PLACE ...` for each that a place has. */
function ip6States({ lab, places }: ProbeContext, { id, from }: RecordProbe): ServiceObservation {
  const states = places.map((place) => ({ place, ...ip6State(lab, place) }));
  const addresses = states.flatMap((each) => each.addresses.map((address) => `${each.place} ${address}`));
  const listeners = states.flatMap((each) => each.listeners.map((listener) => `${each.place} ${listener}`));
  const answer = `${addresses.length} global addresses, ${listeners.length} listeners at ${states.length} places`;
  const common = { kind: "record", id, from, to: "every place", request: "read what has IPv6" } as const;
  return { ...common, outcome: "answered", answer, facts: { addresses, listeners } };
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
