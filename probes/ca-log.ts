import { existsSync, readFileSync } from "node:fs";
import { type Lab, outside } from "../lab/lab.ts";
import type { ServiceObservation } from "./observation.ts";
import type { RecordProbe } from "./probe.ts";

interface LogLine {
  readonly path?: string;
  readonly response?: string;
  readonly serial?: string;
  readonly provisioner?: string;
  readonly sans?: { readonly dns?: readonly string[] };
}

/**
 * Step-CA's JSON log: which order validated which name by which challenge, and which certificate came of it. Facts:
 * `issued`, a line `SERIAL(hex) NAME PROVISIONER CHALLENGE STATUS` for each certificate; `stands`, a line `NAME: WORDS` with
 * how the last order of each name stands.
 */
export function caOrders(lab: Lab, { id, from }: RecordProbe, log: string): ServiceObservation {
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
  const lines = linesOf(readFileSync(path, "utf8"));
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
    facts: { issued: unique, stands: orderStates(lines) },
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

interface OrderState {
  readonly name: string;
  readonly authorizations: readonly string[];
  order: string;
  authorization?: string;
  /** The challenge that the client asked to be validated, its status and the CA's error. */
  challenge?: string;
}

/**
 * How each name's last order stands, as the CA answered whoever asked: `NAME: order pending, tls-alpn-01 pending (The server
 * could not connect to validation target)`. What a client that waits, or does not ask again, would never say.
 */
function orderStates(lines: readonly LogLine[]): string[] {
  const states = new Map<string, OrderState>();
  for (const { path = "", response } of lines) {
    const [, , , kind, id = ""] = path.split("/");
    if (response === undefined) continue;
    const answer = parseObject(response) as AcmeAnswer;
    const status = answer.status ?? "unknown";
    if (kind === "new-order")
      for (const { value: name } of answer.identifiers ?? [])
        states.set(name, {
          name,
          authorizations: (answer.authorizations ?? []).map(lastSegment),
          order: status,
        });
    if (kind === "order")
      for (const { value } of answer.identifiers ?? []) {
        const known = states.get(value);
        if (known) known.order = status;
      }
    const owner = [...states.values()].find(({ authorizations }) => authorizations.includes(id));
    if (owner && kind === "authz") owner.authorization = status;
    if (owner && kind === "challenge")
      owner.challenge = `${answer.type} ${status}${answer.error?.detail ? ` (${answer.error.detail})` : ""}`;
  }
  return [...states.values()].map(
    ({ name, order, authorization = "not asked for", challenge }) =>
      `${name}: order ${order}, ${challenge ?? `authorization ${authorization}, no challenge asked for`}`,
  );
}

interface AcmeAnswer {
  readonly status?: string;
  readonly type?: string;
  readonly identifiers?: readonly { readonly value: string }[];
  readonly authorizations?: readonly string[];
  readonly error?: { readonly detail?: string };
}

function lastSegment(url: string): string {
  return url.split("/").at(-1) ?? "";
}

function linesOf(text: string): LogLine[] {
  return text.split("\n").flatMap(parseLine);
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
