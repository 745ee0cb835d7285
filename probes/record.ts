import { existsSync, readFileSync } from "node:fs";
import { exchangeHttp } from "../lab/exchange.ts";
import { type Lab, outside } from "../lab/lab.ts";
import { BOUND } from "../lab/waits.ts";
import type { ServiceObservation } from "./observation.ts";
import type { RecordProbe } from "./probe.ts";

/** Where the records stand in this lab; of what policy and converge decided, and so given by the caller. */
export interface RecordPlaces {
  readonly ca: string;
  readonly mesh: string;
  readonly caLog: string;
  readonly traefikApiPort: number;
}

/** Reads what a server keeps about itself, inside its own guest. */
export async function observeRecord(
  lab: Lab,
  probe: RecordProbe,
  places: RecordPlaces,
): Promise<ServiceObservation> {
  switch (probe.record) {
    case "ca-orders":
      return caOrders(lab, probe, places.caLog);
    case "traefik-certificates":
      return traefikCertificates(lab, probe, places);
    case "live-rules":
    case "second-converge":
      throw new TypeError(`${probe.record} is not a server's record`);
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
  lab: Lab,
  { id, from }: RecordProbe,
  places: RecordPlaces,
): Promise<ServiceObservation> {
  const path = "/api/certificates?per_page=1000";
  const to = `127.0.0.1:${places.traefikApiPort} in ${places.mesh}`;
  const common = { kind: "record", id, from, to, request: `GET ${path}` } as const;
  const asked = { address: "127.0.0.1", port: places.traefikApiPort, path };
  try {
    const { status, body } = await exchangeHttp(lab, places.mesh, asked, BOUND.exchangeMs);
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
    return {
      ...common,
      outcome: "silent",
      answer: `Traefik's API does not answer: ${String(error)}`,
      facts: { held: [] },
    };
  }
}
