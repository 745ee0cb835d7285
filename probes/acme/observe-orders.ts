import { readFileSync } from "node:fs";
import { HarnessError } from "../../errors.ts";
import { outside } from "../../lab/lab.ts";
import type { ProbeContext } from "../context.ts";
import type { ServiceObservation } from "../observation.ts";
import { AcmeClient, type Authorization, said } from "./client.ts";
import { ordered } from "./obtain.ts";
import type { Identifier, OrdersProbe } from "./probe.ts";

/**
 * How a server takes orders, RFC 8555 section 7.4. Facts: `answers`, a line `TYPE VALUE STATUS PROBLEM` for each identifier; of the
 * declared name `declared` (its newOrder's status), `challenges` offered, `guessed` (what a POST to an http-01 that was not
 * offered came to, and the authorization's status after it); `otherProvisioner`; `provisioners`, the server's own list, a
 * line `NAME CHALLENGES MAXIMUM` for each of ACME.
 */
export async function observeOrders(
  { lab, roots }: ProbeContext,
  probe: OrdersProbe,
): Promise<ServiceObservation> {
  const { id, from, address, port, servername: name, provisioner, identifiers, declared } = probe;
  const request = `${identifiers.length} orders, each for one identifier, and one for ${declared}`;
  const common = { kind: "acme", id, from, to: `${address}:${port}`, request } as const;
  const server = { lab, from, address, port, name, provisioner };
  const pem = readFileSync(outside(lab, roots.internal), "utf8");
  try {
    const client = new AcmeClient({ ...server, roots: pem });
    await client.register();
    const answers: string[] = [];
    for (const identifier of identifiers)
      answers.push(`${identifier.type} ${identifier.value} ${await answerTo(client, identifier)}`);
    const other = new AcmeClient({ ...server, provisioner: probe.otherProvisioner, roots: pem });
    const facts = {
      answers,
      ...(await declaredOrder(client, declared)),
      otherProvisioner: said(await other.ask("GET", other.url("directory"))),
      provisioners: await provisioners(client),
    };
    await client.retire();
    const refused = answers.filter((line) => !line.includes(" 201")).length;
    const answer = `${refused} of ${answers.length} refused, ${declared} ${facts.declared}`;
    return { ...common, outcome: "answered", answer, facts };
  } catch (error) {
    if (error instanceof HarnessError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    return { ...common, outcome: "unknown", answer: "no answer to go on with", reason, facts: {} };
  }
}

async function answerTo(client: AcmeClient, identifier: Identifier): Promise<string> {
  return said(await client.post(client.url("new-order"), { identifiers: [identifier] }));
}

async function declaredOrder(client: AcmeClient, name: string) {
  const identifiers = [{ type: "dns", value: name }];
  const declared = said(await client.post(client.url("new-order"), { identifiers }));
  if (declared !== "201") return { declared, challenges: [], guessed: "" };
  const { authorization, challenge } = await ordered(client, name);
  const challenges = (authorization.challenges ?? []).map(({ type }) => type);
  const answer = said(await client.post(challenge.url.replace(/[^/]+$/, "http-01"), {}));
  const { status } = await client.read<Authorization>(authorization.url);
  return { declared, challenges, guessed: `${answer}, authorization ${status}` };
}

interface Provisioner {
  readonly type?: string;
  readonly name?: string;
  readonly challenges?: readonly string[];
  readonly claims?: { readonly maxTLSCertDuration?: string };
}

/** Step-CA's public list; it names all challenges where none is named. */
async function provisioners(client: AcmeClient): Promise<string[]> {
  const { body } = await client.ask("GET", client.url("directory").replace(/\/acme\/.*$/, "/provisioners"));
  const { provisioners: all = [] } = JSON.parse(body) as { provisioners?: readonly Provisioner[] };
  return all
    .filter(({ type }) => type === "ACME")
    .map(({ name, challenges = [], claims }) =>
      [name, challenges.join(",") || "all", claims?.maxTLSCertDuration ?? "no-maximum"].join(" "),
    );
}
