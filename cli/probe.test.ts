import "../fixtures/own-labs.ts";
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createCertificate } from "../converge/certificate.ts";
import { ecKeys, toPem } from "../converge/keys.ts";
import { serviceProcesses } from "../converge/apply.ts";
import { findLab, type Lab, outside } from "../lab/lab.ts";
import { run, signal } from "../lab/process.ts";
import { awaitReady, BOUND } from "../lab/waits.ts";
import type { Run } from "../audit/run.ts";
import { KEYS, TRAEFIK_API_PORT } from "../converge/layout.ts";
import { exchangeHttp } from "../lab/exchange.ts";
import type { ProbeContext } from "../probes/context.ts";
import { observeTls } from "../probes/tls.ts";

/* A standing lab of the reference estate, spoiled in one way at a time: each control that guards it must say so. */

const NAME = `probe-test-${process.pid}`;
const out = mkdtempSync(join(tmpdir(), "phx-probe-test-"));
const environment = { ...process.env, PHX_OUT: out };
const PHX = join(import.meta.dirname, "main.ts");

function phx(...args: string[]) {
  return spawnSync(process.execPath, [PHX, ...args], { encoding: "utf8", env: environment });
}

/** Probes and reads the run that came of it. */
function probe(controls: string): { status: number | null; run: Run; said: string; folder: string } {
  const known = new Set(readdirSync(out));
  const { status, stdout, stderr } = phx("probe", NAME, "--controls", controls);
  const fresh = readdirSync(out).find((name) => !known.has(name));
  assert.ok(fresh, `no run was written: ${stdout}${stderr}`);
  const folder = join(out, fresh);
  const run = JSON.parse(readFileSync(join(folder, "run.json"), "utf8")) as Run;
  return { status, run, said: stdout, folder };
}

function checksOf({ findings }: Run, id: string) {
  return findings.find(({ control }) => control === id)?.checks ?? [];
}

/** Frames of a capture file of Ethernet, pcap-savefile(5). */
function framesIn(file: string): Buffer[] {
  const bytes = readFileSync(file);
  assert.deepEqual([bytes.readUInt32LE(0), bytes.readUInt32LE(20)], [0xa1b2c3d4, 1]);
  const frames: Buffer[] = [];
  for (let at = 24; at < bytes.length; at += 16 + bytes.readUInt32LE(at + 8))
    frames.push(bytes.subarray(at + 16, at + 16 + bytes.readUInt32LE(at + 8)));
  return frames;
}

/** Of an IPv4 frame without options: protocol, destination and its port. */
function aimOf(frame: Buffer): string {
  return `${frame.readUInt8(23)} ${[...frame.subarray(30, 34)].join(".")}:${frame.readUInt16BE(36)}`;
}

const captures = (folder: string) => readdirSync(folder).filter((name) => name.endsWith(".pcap"));

function resultOf({ findings }: Run, id: string): string {
  return findings.find(({ control }) => control === id)?.result ?? "none";
}

function reasonsOf({ findings }: Run, id: string): string {
  const checks = findings.find(({ control }) => control === id)?.checks ?? [];
  return checks.map(({ title, observed, reason }) => `${title}: ${observed} ${reason ?? ""}`).join("\n");
}

const HOSTNAME = "portainer.internal.thinkheads.ai";

function selfSigned(name: string): { certificate: string; key: string } {
  const keys = ecKeys();
  const certificate = createCertificate({
    commonName: "self-made",
    publicKey: keys.publicKey,
    dnsNames: [name],
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 3_600_000),
    issuer: { commonName: "self-made", keys },
  });
  return { certificate, key: toPem(keys) };
}

/** Whether Traefik shows a certificate of that issuer for the name now. */
async function shows(issuer: string): Promise<true | undefined> {
  const context = { lab, roots: { public: KEYS.publicRoot, internal: KEYS.root } } as ProbeContext;
  const asked = { kind: "tls", id: "look", from: "101", address: "10.0.0.12", port: 443 } as const;
  const { facts } = await observeTls(context, { ...asked, servername: HOSTNAME, roots: "internal" });
  return String(facts["issuer"]).startsWith(issuer) ? true : undefined;
}

/** Whether Traefik has that router now. */
async function has(router: string): Promise<true | undefined> {
  const asked = { address: "127.0.0.1", port: TRAEFIK_API_PORT, path: "/api/rawdata" };
  const { body } = await exchangeHttp(lab, "102", asked, BOUND.exchangeMs);
  return body.includes(`"${router}"`) ? true : undefined;
}

/** The node's `named` with its zones read again, as an operator would. */
async function restartDns(): Promise<void> {
  const log = outside(lab, "/run/phx/host/dns.log");
  const loads = () => readFileSync(log, "utf8").split("all zones loaded").length;
  const before = loads();
  await signal(lab, processOf("dns"), "HUP");
  await awaitReady("named", "zones loaded again", () => loads() > before || undefined, BOUND.serverReadyMs);
}

let lab: Lab;

function processOf(service: string) {
  const found = serviceProcesses(lab).find((each) => each.service === service);
  assert.ok(found, `no process of ${service}`);
  return found.daemon;
}

describe("a standing lab that is not what its files say", () => {
  before(() => {
    const { status, stderr } = phx("converge", "--lab", NAME);
    assert.equal(status, 0, stderr);
    lab = findLab(NAME);
  });
  after(() => {
    phx("destroy", NAME);
    rmSync(out, { recursive: true, force: true });
  });

  test("as converged it is conformant, and what needs a converge is out of scope", () => {
    const { status, run: judged, folder } = probe("CFG,RTE,PKI-001,DNS-003,FW-002");
    assert.equal(status, 0);
    assert.deepEqual(captures(folder), []);
    assert.doesNotMatch(JSON.stringify(judged.findings), /"suspect"|"trace"/);
    const selected = judged.controls.filter(({ scope }) => scope === "selected").map(({ id }) => id);
    assert.deepEqual(
      judged.findings.map(({ control }) => control),
      selected,
    );
    assert.equal(judged.verdict.word, "PARTIAL");
    assert.equal(judged.controls.find(({ id }) => id === "CFG-003")?.scope, "excluded");
  });

  test("a port opened in the live firewall: FW-002 names guest, port and the missing rule", async () => {
    await run(lab, "host", [
      "iptables-legacy",
      "-I",
      "veth801i0-IN",
      "-p",
      "tcp",
      "--dport",
      "8000",
      "-j",
      "ACCEPT",
    ]);
    const { status, run: judged, folder } = probe("FW-002,FW-003");
    assert.equal(status, 1);
    const leak = checksOf(judged, "FW-002").find(({ result }) => result === "fail");
    assert.equal(leak?.suspect?.key, "tcp/8000");
    assert.match(
      leak?.suspect?.path.at(-1) ?? "",
      /into guest 801: drop, by default policy DROP .* chain veth801i0-IN/,
    );
    assert.match(leak?.trace?.flow ?? "", /^wan > 801 tcp\/8000$/);
    assert.equal(leak?.trace?.outcome, "no-listener");
    const opened = leak?.trace?.counters.find(
      ({ chain, rule }) => chain === "veth801i0-IN" && /--dport 8000 -j ACCEPT/.test(rule),
    );
    assert.ok(opened && opened.after > opened.before);
    const files = leak?.trace?.frames ?? [];
    for (const device of [
      "wan-eth0",
      "gateway-wan0",
      "host-eth0",
      "host-fwpr801p0",
      "host-veth801i0",
      "801-eth0",
    ])
      assert.ok(files.includes(`wan-801-tcp-8000.${device}.pcap`), `${device} of ${files.join(" ")}`);
    for (const file of files)
      assert.ok(
        framesIn(join(folder, file)).some((frame) => aimOf(frame) === "6 10.0.0.141:8000"),
        file,
      );
    const page = readFileSync(join(folder, "report.html"), "utf8");
    assert.ok(page.includes('<a href="./wan-801-tcp-8000.801-eth0.pcap">'));
    assert.equal(resultOf(judged, "FW-003"), "fail");
    assert.equal(resultOf(judged, "FW-002"), "fail");
    assert.match(
      reasonsOf(judged, "FW-002"),
      /guest 801 \(.*is reached from .* on tcp\/8000, and no declared rule allows it/,
    );
    assert.ok(judged.matrix.some(({ to, leaked }) => to === "801" && leaked.includes("tcp/8000")));
    await run(lab, "host", [
      "iptables-legacy",
      "-D",
      "veth801i0-IN",
      "-p",
      "tcp",
      "--dport",
      "8000",
      "-j",
      "ACCEPT",
    ]);
  });

  test("an internal address in the external view: DNS-003 fails and says which", async () => {
    const zone = outside(lab, "/run/phx/host/external.zone");
    const before = readFileSync(zone, "utf8");
    const leaks = [
      before.replace(/^(portainer\S* IN A) .*$/m, "$1 10.0.0.101"),
      `${before}portainer IN TXT "see 10.0.0.101"\n`,
    ];
    for (const leak of leaks) {
      assert.notEqual(leak, before);
      writeFileSync(zone, leak);
      await restartDns();
      const { status, run: judged } = probe("DNS-003");
      assert.equal(status, 1);
      assert.equal(resultOf(judged, "DNS-003"), "fail");
      assert.match(reasonsOf(judged, "DNS-003"), /the external view says .*10\.0\.0\.101/);
    }
    writeFileSync(zone, before);
    await restartDns();
  });

  test("a self-signed certificate in Traefik: PKI-001 fails", async () => {
    const pair = selfSigned(HOSTNAME);
    writeFileSync(outside(lab, "/run/phx/102/own.crt"), pair.certificate);
    writeFileSync(outside(lab, "/run/phx/102/own.key"), pair.key);
    const own = {
      tls: { certificates: [{ certFile: "/run/phx/102/own.crt", keyFile: "/run/phx/102/own.key" }] },
    };
    writeFileSync(outside(lab, "/run/phx/102/dynamic/own.yml"), JSON.stringify(own));
    await awaitReady("Traefik", "to show its own certificate", () => shows("self-made"), BOUND.serverReadyMs);
    const { status, run: judged } = probe("PKI-001");
    assert.equal(status, 1);
    assert.equal(resultOf(judged, "PKI-001"), "fail");
    rmSync(outside(lab, "/run/phx/102/dynamic/own.yml"));
    await awaitReady(
      "Traefik",
      "to show Step-CA's again",
      () => shows("Phoenix Intermediate"),
      BOUND.serverReadyMs,
    );
  });

  test("a router that nothing declares: RTE-005 fails, and RTE-003 takes no other's answer for a refusal", async () => {
    const rule = {
      rule: "PathPrefix(`/`)",
      priority: 1,
      entryPoints: ["websecure"],
      tls: {},
      service: "own",
    };
    const service = { loadBalancer: { servers: [{ url: "http://10.0.0.141:3000" }] } };
    const silent = { headers: { customResponseHeaders: { "x-phx-guest": "" } } };
    const http = {
      routers: { own: { ...rule, middlewares: ["silent"] } },
      services: { own: service },
      middlewares: { silent },
    };
    writeFileSync(outside(lab, "/run/phx/102/dynamic/own.yml"), JSON.stringify({ http }));
    await awaitReady("Traefik", "the router", () => has("own@file"), BOUND.serverReadyMs);
    const { status, run: judged } = probe("RTE-003,RTE-005");
    assert.equal(status, 1);
    assert.equal(resultOf(judged, "RTE-003"), "fail");
    assert.equal(resultOf(judged, "RTE-005"), "fail");
    assert.match(reasonsOf(judged, "RTE-005"), /Traefik also routes PathPrefix/);
    rmSync(outside(lab, "/run/phx/102/dynamic/own.yml"));
    await awaitReady(
      "Traefik",
      "no such router",
      async () => ((await has("own@file")) ? undefined : true),
      BOUND.serverReadyMs,
    );
  });

  test("a wildcard and an address of another family in the internal zone: DNS-002 fails", async () => {
    const zone = outside(lab, "/run/phx/host/internal.zone");
    const before = readFileSync(zone, "utf8");
    for (const surplus of ["* IN A 10.0.0.99", "grafana IN AAAA fd00::99"]) {
      writeFileSync(zone, `${before}${surplus}\n`);
      await restartDns();
      const { status, run: judged } = probe("DNS-002");
      assert.equal(status, 1, surplus);
      assert.equal(resultOf(judged, "DNS-002"), "fail");
    }
    writeFileSync(zone, before);
    await restartDns();
  });

  test("packets lost where no rule of the firewall counts them: could not tell, never a pass, and no hang", async () => {
    const loss = ["FORWARD", "-d", "10.0.0.142", "-p", "udp", "-j", "DROP"];
    await run(lab, "host", ["iptables-legacy", "-t", "mangle", "-I", ...loss]);
    const { status, run: judged, folder } = probe("FW-002,SEG-001");
    assert.equal(status, 4);
    const dark = checksOf(judged, "FW-002").find(({ title }) => title.startsWith("guest 802 "));
    assert.match(dark?.suspect?.key ?? "", /^udp\/\d+$/);
    assert.equal(dark?.trace?.outcome, "unknown");
    const files = dark?.trace?.frames ?? [];
    assert.ok(files.length > 0 && !files.some((file) => file.includes(".802-eth0.")), files.join(" "));
    assert.deepEqual(
      files.toSorted(),
      captures(folder).filter((file) => files.includes(file)),
    );
    assert.equal(resultOf(judged, "FW-002"), "inconclusive");
    assert.equal(resultOf(judged, "SEG-001"), "inconclusive");
    await run(lab, "host", ["iptables-legacy", "-t", "mangle", "-D", ...loss]);
  });

  test("Traefik stopped: RTE-002 fails; RTE-001 and RTE-003 lack a positive twin and name Traefik", async () => {
    await signal(lab, processOf("traefik"), "STOP");
    const { status, run: judged } = probe("RTE-001,RTE-002,RTE-003");
    assert.equal(status, 1);
    assert.equal(resultOf(judged, "RTE-002"), "fail");
    assert.equal(resultOf(judged, "RTE-001"), "inconclusive");
    assert.equal(resultOf(judged, "RTE-003"), "inconclusive");
    for (const id of ["RTE-001", "RTE-002", "RTE-003"]) assert.match(reasonsOf(judged, id), /Traefik/);
    assert.match(reasonsOf(judged, "RTE-001"), /no positive twin/);
    assert.match(reasonsOf(judged, "RTE-003"), /no positive twin/);
    await signal(lab, processOf("traefik"), "CONT");
  });
});
