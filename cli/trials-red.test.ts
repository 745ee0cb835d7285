/** A lab that is not what it should be: each control that disturbs says so, by its own trials, and no other is blamed. */
import "../fixtures/own-labs.ts";
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { conclude, Observations } from "../audit/control.ts";
import { controlOf } from "../audit/controls.ts";
import type { Finding } from "../audit/finding.ts";
import { apply, componentsHere, programsOf, readLive, serviceProcesses } from "../converge/apply.ts";
import { desired } from "../converge/desired.ts";
import { plan } from "../converge/plan.ts";
import { HarnessError } from "../errors.ts";
import { labName } from "../fixtures/network-lab.ts";
import { REFERENCE } from "../fixtures/reference.ts";
import { disturbable } from "../fixtures/second-lab.ts";
import { createLab, type Lab, type OwnedLab, outside } from "../lab/lab.ts";
import { endDaemon, run, signal } from "../lab/process.ts";
import { awaitReady, BOUND } from "../lab/waits.ts";
import { readEstate } from "../policy/read.ts";
import { Prober } from "../probes/observe.ts";
import type { TrialProbe } from "../probes/probe.ts";

const needsRoot = { skip: process.getuid?.() !== 0 && "only root can make a lab" };
const NGINX = "/run/phx/101/nginx.conf";
const ROUTES = "/run/phx/102/dynamic/estate.yml";
const STORE = "/run/phx/102/acme.json";
const HOSTNAME = "portainer.internal.thinkheads.ai";

const estate = readEstate(REFERENCE);
const out = mkdtempSync(join(tmpdir(), "phx-trials-test-"));
let owned: OwnedLab;
let lab: Lab;
let programs: ReturnType<typeof programsOf>;

async function converge(): Promise<void> {
  await apply(lab, plan(desired(estate), await readLive(lab)), programs);
}

/** Proves a control as its spec does; or of its trials those that are named alone, the others as not run. */
async function proved(id: string, only = /./): Promise<Finding> {
  const context = disturbable(lab, estate, programs, out);
  const attempt = async (probe: TrialProbe) => {
    if (only.test(probe.id)) return context.attempt?.(probe) ?? assert.fail("a lab for no trial");
    return { to: "", request: "", outcome: "unknown", answer: "left out", facts: {} } as const;
  };
  const again = async () => ({ outcome: "unknown", answer: "left out", facts: {} }) as const;
  const prober = new Prober({
    ...context,
    attempt,
    ...(only.source === "." ? {} : { convergeAgain: again }),
  });
  const control = controlOf(id);
  try {
    const observations = await prober.observe(control.probes(estate));
    return conclude(control, estate, new Observations(observations));
  } finally {
    await prober.close();
  }
}

function failedOf({ checks }: Finding): { title: string; reason: string }[] {
  return checks.flatMap(({ result, title, reason = "" }) => (result === "fail" ? [{ title, reason }] : []));
}

function daemonOf(service: string) {
  return (
    serviceProcesses(lab).find((each) => each.service === service)?.daemon ?? assert.fail(`no ${service}`)
  );
}

/** Changes a live file; the text has to differ. */
function edit(path: string, change: (text: string) => string): void {
  const place = outside(lab, path);
  const text = readFileSync(place, "utf8");
  assert.notEqual(change(text), text);
  writeFileSync(place, change(text));
}

/** Nginx with its configuration read again: a worker that was not there before. */
async function reloadNginx(): Promise<void> {
  const workers = async () =>
    (
      await run(lab, "101", [
        "sh",
        "-c",
        "cat /proc/$1/task/$1/children",
        "sh",
        String(daemonOf("nginx").pid),
      ])
    ).trim();
  const known = await workers();
  await signal(lab, daemonOf("nginx"), "HUP");
  const look = async () =>
    (await workers()).split(" ").some((pid) => known.split(" ").includes(pid)) ? undefined : true;
  await awaitReady("nginx", "new workers alone", look, BOUND.serverReadyMs);
}

describe("trials in a lab that is spoiled", needsRoot, () => {
  before(async () => {
    programs = programsOf(await componentsHere());
    owned = await createLab(labName());
    lab = owned.lab;
    await converge();
  });
  afterEach(converge);
  after(async () => {
    await owned[Symbol.asyncDispose]();
    rmSync(out, { recursive: true, force: true });
  });

  test("as converged: PKI-006 passes, lists the plain hops, and leaves nothing of its impostors", async () => {
    const finding = await proved("PKI-006");
    assert.deepEqual([finding.result, failedOf(finding)], ["pass", []]);
    const plain = estate.routes.filter(({ tls }) => !tls);
    for (const { hostname } of plain)
      assert.ok(finding.notes?.some((note) => note.startsWith("plain text") && note.includes(hostname)));
    for (const guest of ["102", "1001"])
      assert.doesNotMatch(await run(lab, guest, ["iptables-legacy", "-t", "nat", "-S"]), /REDIRECT/);
  });

  test("Nginx without proxy_ssl_verify: PKI-006 names Nginx and each wrong certificate, and not Traefik", async () => {
    edit(NGINX, (text) => text.replace("proxy_ssl_verify on;", "proxy_ssl_verify off;"));
    await reloadNginx();
    const finding = await proved("PKI-006");
    const failed = failedOf(finding);
    for (const words of ["another CA", "expired", "another name", "self-signed"])
      assert.ok(
        failed.some(({ title }) => title.startsWith("Nginx refuses") && title.includes(words)),
        words,
      );
    assert.ok(failed.every(({ title }) => title.startsWith("Nginx refuses")));
    assert.match(failed[0]?.reason ?? "", /Nginx took .* [1-9]\d* bytes of requests; it has to verify/);
  });

  test("Nginx with another CA in its trust store: no request, and so no refusal to be proud of", async () => {
    edit(NGINX, (text) =>
      text.replace(
        /proxy_ssl_trusted_certificate \S+;/,
        "proxy_ssl_trusted_certificate /run/phx/keys/public_root.crt;",
      ),
    );
    await reloadNginx();
    const finding = await proved("PKI-006");
    assert.ok(failedOf(finding).every(({ title }) => title.startsWith("Nginx sends a request")));
    assert.equal(finding.result, "fail");
    const dark = finding.checks.filter(({ result }) => result === "inconclusive");
    assert.ok(dark.length > 0 && dark.every(({ reason }) => reason?.includes("no positive twin")));
  });

  test("insecureSkipVerify in Traefik: PKI-006 names Traefik and each wrong certificate, and not Nginx", async () => {
    edit(ROUTES, (text) => text.replace(/"serverName": "[^"]*"/, '$&, "insecureSkipVerify": true'));
    const transport = async () => {
      const finding = await proved("PKI-006", /backend .* (right|self-signed)$/);
      return failedOf(finding).length > 0 ? true : undefined;
    };
    await awaitReady("Traefik", "its changed configuration", transport, BOUND.serverReadyMs);
    const failed = failedOf(await proved("PKI-006"));
    assert.deepEqual(
      failed.map(({ title }) => /^Traefik refuses (.*) in place of guest 1001/.exec(title)?.[1]),
      [
        "a certificate of another CA",
        "an expired certificate",
        "a certificate for another name",
        "a self-signed certificate",
      ],
    );
  });

  test("certificates that do not outlive Traefik: CFG-003 names the serials, and which restart", async () => {
    const store = JSON.parse(readFileSync(outside(lab, STORE), "utf8")) as Record<string, object>;
    const emptied = Object.entries(store).map(([name, each]) => [name, { ...each, Certificates: null }]);
    writeFileSync(outside(lab, STORE), JSON.stringify(Object.fromEntries(emptied)));
    const failed = failedOf(await proved("CFG-003", /restart (traefik|step-ca)$/));
    assert.equal(failed.length, 1);
    assert.match(failed[0]?.reason ?? "", /^after a restart of traefik: certificate gone: [0-9a-f]+ .*new: /);
  });

  test("a line that takes Traefik's way to a backend: CFG-003 sees requests fail, and names the backend", async () => {
    const drop = ["FORWARD", "-s", "10.0.0.12", "-d", "10.0.0.101", "-p", "tcp", "-j", "DROP"];
    await run(lab, "host", ["iptables-legacy", "-t", "mangle", "-I", ...drop]);
    const failed = failedOf(await proved("CFG-003", /restart (public-dns)$/));
    await run(lab, "host", ["iptables-legacy", "-t", "mangle", "-D", ...drop]);
    assert.deepEqual(
      failed.map(({ title }) => title),
      ["public-dns ended and started anew: the network is as before"],
    );
    assert.match(
      failed[0]?.reason ?? "",
      /^after a restart of public-dns: .*once it was back portainer\S*: /,
    );
  });

  test("a validation that can't come through: PKI-005 ends, and says how the CA's order stands", async () => {
    const drop = [
      "FORWARD",
      "-s",
      "10.0.0.10",
      "-d",
      "10.0.0.12",
      "-p",
      "tcp",
      "--dport",
      "443",
      "-j",
      "DROP",
    ];
    await run(lab, "host", ["iptables-legacy", "-t", "mangle", "-I", ...drop]);
    const finding = await proved("PKI-005");
    await run(lab, "host", ["iptables-legacy", "-t", "mangle", "-D", ...drop]);
    const failed = failedOf(finding);
    for (const { hostname } of estate.routes)
      assert.ok(
        failed.some(({ reason }) =>
          reason.startsWith(`Traefik did not renew it: ${hostname}: order pending`),
        ),
        `${hostname}: ${JSON.stringify(failed)}`,
      );
    assert.ok(failed.every(({ title }) => !title.includes("policy's lifetime")));
  });
});

describe("Step-CA down at Traefik's first start", needsRoot, () => {
  test("no hang, and PKI-001 says from the CA's record that nothing was ordered", async () => {
    programs = programsOf(await componentsHere());
    await using first = await createLab(labName());
    lab = first.lab;
    await converge();
    await endDaemon(lab, daemonOf("traefik"));
    const store = JSON.parse(readFileSync(outside(lab, STORE), "utf8")) as Record<string, object>;
    const emptied = Object.entries(store).map(([name, each]) => [name, { ...each, Certificates: null }]);
    writeFileSync(outside(lab, STORE), JSON.stringify(Object.fromEntries(emptied)));
    await endDaemon(lab, daemonOf("step-ca"));
    rmSync(outside(lab, "/run/phx/103/step-ca.log"));
    const steps = plan(desired(estate), await readLive(lab));
    const of = (service: string) => steps.filter(({ resource }) => resource.key === `service ${service}`);
    await assert.rejects(
      apply(lab, of("traefik"), programs),
      (error) => error instanceof HarnessError && error.code === "not-ready",
    );
    await apply(lab, of("step-ca"), programs);
    const finding = await proved("PKI-001");
    assert.equal(finding.result, "fail");
    const reason = finding.checks.find(
      ({ title }) => title === `the certificate for ${HOSTNAME} came by tls-alpn-01`,
    )?.reason;
    assert.match(
      reason ?? "",
      /: the CA has no order of it. Traefik orders again only when its configuration changes or it starts$/,
    );
  });
});
