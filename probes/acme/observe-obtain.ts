import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { HarnessError } from "../../errors.ts";
import { outside } from "../../lab/lab.ts";
import { awaitTurn } from "../../lab/turns.ts";
import type { ProbeContext } from "../context.ts";
import type { ServiceObservation } from "../observation.ts";
import { caOrders } from "../ca-log.ts";
import { newRsaKey, signingRequest } from "./certificate.ts";
import { AcmeClient, type Order } from "./client.ts";
import { leafFacts } from "./leaf.ts";
import { ordered, respondTo } from "./obtain.ts";
import type { AcmeProbe } from "./probe.ts";
import { type Handshake, openResponder } from "./responder.ts";

type Facts = ServiceObservation["facts"];

/**
 * One certificate from an account to its chain, RFC 8555 section 7.4. Facts: `step`, where it ended (`obtained` where it
 * did not fail), `challenges` offered, the `challenge`'s status, `handshakes` as the responder saw them, the leaf's (`leafFacts`), and
 * `record`, the line of the CA's log for its serial. A refusal is an answer, and so is a server that says nothing.
 */
export function observeObtain(context: ProbeContext, probe: AcmeProbe): Promise<ServiceObservation> {
  // One responder at a time has the port of an address.
  return awaitTurn(`${context.lab.name} ${probe.responder}`, () => obtainOnce(context, probe));
}

async function obtainOnce(context: ProbeContext, probe: AcmeProbe): Promise<ServiceObservation> {
  const { lab } = context;
  const { id, from, address, port, servername, provisioner, name } = probe;
  const year = probe.lifetimeDays === undefined ? "" : ` for ${probe.lifetimeDays} days`;
  const common = {
    kind: "acme",
    id,
    from,
    to: `${address}:${port}`,
    request: `a certificate for ${name}${year} over TLS-ALPN-01`,
  } as const;
  const roots = readFileSync(outside(lab, context.roots.internal), "utf8");
  const client = new AcmeClient({ lab, from, address, port, name: servername, provisioner, roots });
  const facts: Record<string, Facts[string]> = { step: "responder" };
  const handshakes: Handshake[] = [];
  try {
    await using responder = await openResponder(lab, from, probe.responder);
    try {
      await obtainInto(facts, client, responder, probe, roots);
    } finally {
      handshakes.push(...responder.handshakes);
    }
    const record = caOrders(lab, { kind: "record", id, from: "ca", record: "ca-orders" }, context.caLog);
    const issued = Array.isArray(record.facts.issued) ? record.facts.issued : [];
    facts["record"] = issued.find((line) => line.split(" ")[0] === facts["serial"]) ?? "";
    const answer = `obtained, serial ${String(facts["serial"])}`;
    return { ...common, outcome: "answered", answer, facts: { ...facts, handshakes: handshakes.map(line) } };
  } catch (error) {
    if (error instanceof HarnessError) throw error;
    const words = error instanceof Error ? error.message : String(error);
    const answer = `failed at ${String(facts["step"])}: ${words}`;
    return { ...common, outcome: "answered", answer, facts: { ...facts, handshakes: handshakes.map(line) } };
  }
}

/** Goes through the steps and notes each before it, so that a failure is known by where it happened. */
async function obtainInto(
  facts: Record<string, Facts[string]>,
  client: AcmeClient,
  responder: Awaited<ReturnType<typeof openResponder>>,
  { name, lifetimeDays }: AcmeProbe,
  roots: string,
): Promise<void> {
  facts["step"] = "account";
  await client.register();
  facts["step"] = "order";
  const [pending, shown, key] = await Promise.all([
    ordered(client, name, lifetimeDays === undefined ? {} : { notAfter: daysAhead(lifetimeDays) }),
    newRsaKey(),
    newRsaKey(),
  ]);
  facts["challenges"] = (pending.authorization.challenges ?? []).map(({ type }) => type);
  respondTo(pending, client, responder, shown);
  facts["step"] = "challenge";
  const { status, error } = await client.respond(pending.challenge);
  facts["challenge"] = status;
  responder.forget(name);
  if (status !== "valid") throw new Error(`the challenge is ${status}: ${error?.detail ?? "no reason"}`);
  facts["step"] = "finalize";
  const final: Order = await client.finalize(pending.order.object, signingRequest(key, "", [name]));
  facts["step"] = "certificate";
  const chain = await client.certificate(final);
  Object.assign(
    facts,
    leafFacts(
      chain.map((pem) => new X509Certificate(pem)),
      new X509Certificate(roots),
      shown,
    ),
  );
  facts["step"] = "retire the account";
  await client.retire();
  facts["step"] = "obtained";
}

function daysAhead(days: number): string {
  return new Date(Date.now() + days * 86_400_000).toISOString();
}

/** `10.0.0.11 SNI gitea.internal… offers acme-tls/1, gets acme-tls/1 over TLSv1.3, 0 bytes`. */
function line({ peer, sni, offered, selected, version, bytes }: Handshake): string {
  const chosen = `offers ${offered.join(" ") || "nothing"}, gets ${selected || "nothing"} over ${version || "no TLS"}`;
  return `${peer} SNI ${sni || "absent"} ${chosen}, ${bytes} bytes`;
}
