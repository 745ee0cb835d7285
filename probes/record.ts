import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { type Lab, outside } from "../lab/lab.ts";
import type { ProbeContext } from "./context.ts";
import type { ServiceObservation } from "./observation.ts";
import type { RecordProbe } from "./probe.ts";
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
