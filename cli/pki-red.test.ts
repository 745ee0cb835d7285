import "../fixtures/own-labs.ts";
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Run } from "../audit/run.ts";
import { serviceProcesses } from "../converge/apply.ts";
import { folderOf, KEYS } from "../converge/layout.ts";
import { phx } from "../fixtures/phx.ts";
import { readLabFile, writeLabFile } from "../lab/files.ts";
import { findLab, type Lab } from "../lab/lab.ts";
import { signal } from "../lab/process.ts";
import { awaitReady, BOUND } from "../lab/waits.ts";
import { observeOrders } from "../probes/acme/observe-orders.ts";
import type { ProbeContext } from "../probes/context.ts";
import { observeDns } from "../probes/dns.ts";

/* A standing lab whose CA is not as declared, one mistake at a time: the control that guards it says so, and no other. */

const NAME = `pki-red-${process.pid}`;
const CONTROLS = ["PKI-001", "PKI-002", "PKI-003", "PKI-004"];
const GITEA = "gitea.internal.thinkheads.ai";
const NOBODY = "phx-nobody.internal.thinkheads.ai";
const CA_CONFIG = `${folderOf("103")}/ca.json`;
const CA_ZONE = `${folderOf("host")}/ca.zone`;

const out = mkdtempSync(join(tmpdir(), "phx-pki-red-"));
process.env["PHX_OUT"] = out;
let lab: Lab;

async function probe(): Promise<Run> {
  const known = new Set(readdirSync(out));
  const { stderr } = await phx(["probe", NAME, "--controls", CONTROLS.join(",")]);
  const fresh = readdirSync(out).find((name) => !known.has(name));
  assert.ok(fresh, stderr);
  return JSON.parse(readFileSync(join(out, fresh, "run.json"), "utf8")) as Run;
}

function results({ findings }: Run): string[] {
  return findings.map(({ control, result }) => `${control} ${result}`);
}

const all = (changed: Record<string, string> = {}) => CONTROLS.map((id) => `${id} ${changed[id] ?? "pass"}`);

function failures({ findings }: Run, id: string): string[] {
  const checks = findings.find(({ control }) => control === id)?.checks ?? [];
  return checks
    .filter(({ result }) => result === "fail")
    .map(({ title, reason }) => `${title}: ${reason ?? ""}`);
}

/** Gives a server a file changed, reads it in again, and waits until it shows; then back. */
async function spoiled(
  service: string,
  path: string,
  change: (text: string) => string,
  shows: () => Promise<string>,
  judge: (run: Run) => void,
): Promise<void> {
  const right = readLabFile(lab, path) ?? assert.fail(path);
  const [before, wrong] = [await shows(), change(right)];
  assert.notEqual(wrong, right);
  const read = async (text: string, until: (now: string) => boolean) => {
    writeLabFile(lab, path, text);
    const found = serviceProcesses(lab).find((each) => each.service === service) ?? assert.fail(service);
    await signal(lab, found.daemon, "HUP");
    const look = async () => (until(await shows()) ? true : undefined);
    await awaitReady(service, "its changed file read", look, BOUND.serverReadyMs, () => before);
  };
  await read(wrong, (now) => now !== before);
  try {
    judge(await probe());
  } finally {
    await read(right, (now) => now === before);
  }
}

/** What the CA says of an order for a name that nobody declared, and of its provisioners. */
async function orders(): Promise<string> {
  const context = { lab, roots: { public: KEYS.publicRoot, internal: KEYS.root } } as ProbeContext;
  const { facts, reason } = await observeOrders(context, {
    kind: "orders",
    id: "look",
    from: "803",
    address: "10.0.0.10",
    port: 9000,
    servername: "ca.internal.thinkheads.ai",
    provisioner: "acme",
    identifiers: [{ type: "dns", value: NOBODY }],
    declared: GITEA,
    otherProvisioner: "none",
  });
  return reason === undefined ? JSON.stringify([facts["answers"], facts["provisioners"]]) : "not ready";
}

async function casAnswer(): Promise<string> {
  const asked = { server: "10.0.0.13", transport: "udp", name: GITEA, type: "A" } as const;
  const { answer } = await observeDns(lab, { kind: "dns", id: "look", from: "103", ...asked });
  return answer;
}

interface CaConfig {
  authority: {
    policy: { x509: { allow: { dns: string[] } } };
    provisioners: { challenges?: string[]; claims?: Record<string, string> }[];
  };
}

const caWith = (change: (config: CaConfig) => void) => (text: string) => {
  const config = JSON.parse(text) as CaConfig;
  change(config);
  return JSON.stringify(config);
};

describe("a CA that is not as declared", () => {
  before(async () => {
    const { status, stderr } = await phx(["converge", "--lab", NAME]);
    assert.equal(status, 0, stderr);
    lab = findLab(NAME);
  });
  after(async () => {
    await phx(["destroy", NAME]);
    rmSync(out, { recursive: true, force: true });
  });

  test("as converged every control of it passes", async () => {
    assert.deepEqual(results(await probe()), all());
  });

  test("a policy open to the whole zone: PKI-003 names what can be ordered, and nothing else fails", () =>
    spoiled(
      "step-ca",
      CA_CONFIG,
      caWith(({ authority }) => authority.policy.x509.allow.dns.push("*.internal.thinkheads.ai")),
      orders,
      (run) => {
        assert.deepEqual(results(run), all({ "PKI-003": "fail" }));
        const failed = failures(run, "PKI-003");
        assert.ok(
          failed.some((line) => line.endsWith(`the CA takes an order for ${NOBODY}`)),
          failed.join("\n"),
        );
        assert.ok(
          failed.every((line) => !line.includes("example.org")),
          failed.join("\n"),
        );
      },
    ));

  test("http-01 beside tls-alpn-01: PKI-003 says that it is offered", () =>
    spoiled(
      "step-ca",
      CA_CONFIG,
      caWith(({ authority }) => authority.provisioners[0]?.challenges?.push("http-01")),
      orders,
      (run) => {
        assert.deepEqual(results(run), all({ "PKI-003": "fail" }));
        assert.match(failures(run, "PKI-003").join("\n"), /the CA offers .*http-01.* for gitea/);
      },
    ));

  test("a provisioner that issues for a year: PKI-003 says how long", () =>
    spoiled(
      "step-ca",
      CA_CONFIG,
      caWith(({ authority: { provisioners } }) =>
        Object.assign(provisioners[0]?.claims ?? {}, { maxTLSCertDuration: "9000h" }),
      ),
      orders,
      (run) => {
        assert.deepEqual(results(run), all({ "PKI-003": "fail" }));
        assert.match(failures(run, "PKI-003").join("\n"), /lasts 365 days: the CA issued one of 315\d{5} s/);
      },
    ));

  test("the client's name at another address in the CA's view: PKI-001 names the view, and that no handshake came", () =>
    spoiled(
      "dns",
      CA_ZONE,
      (text) => text.replace("10.0.0.144", "10.0.0.12"),
      casAnswer,
      (run) => {
        // Where no challenge becomes valid, nothing is known of how long a certificate would last.
        assert.deepEqual(results(run), all({ "PKI-001": "fail", "PKI-003": "inconclusive" }));
        const failed = failures(run, "PKI-001").join("\n");
        assert.match(
          failed,
          /in the CA's view gitea\S+ is NOERROR: \S+ A 10\.0\.0\.12: tls-alpn-01 would be answered/,
        );
        assert.match(failed, /failed at challenge: .*no handshake reached the responder/);
      },
    ));
});
