import "../fixtures/own-labs.ts";
import { someOf } from "../fixtures/spoilings.ts";
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Run } from "../audit/run.ts";
import { serviceProcesses } from "../converge/apply.ts";
import { createCertificate } from "../converge/certificate.ts";
import { ecKeys } from "../converge/keys.ts";
import { findLab, type Lab, outside } from "../lab/lab.ts";
import { writeSysctls } from "../lab/network.ts";
import { run, signal } from "../lab/process.ts";
import { awaitReady, BOUND } from "../lab/waits.ts";

/* One standing lab, spoiled in one way at a time: of the controls of each ACCEPT, each family, each way out, the one CA and
   each whole way, those that forbid it turn red, and no other. */

const NAME = `reach-red-${process.pid}`;
const out = mkdtempSync(join(tmpdir(), "phx-reach-red-"));
const PHX = join(import.meta.dirname, "main.ts");
const IDS = ["FW-004", "FW-005", "EDGE-003", "RTE-002", "SEG-004", "PKI-002"];

function phx(...args: string[]) {
  const env = { ...process.env, PHX_OUT: out };
  return spawnSync(process.execPath, [PHX, ...args], { encoding: "utf8", env });
}

/** The reasons of each control that is not green, by its id. */
function red(): Map<string, string> {
  const known = new Set(readdirSync(out));
  const { stdout, stderr } = phx("probe", NAME, "--controls", IDS.join(","));
  const fresh = readdirSync(out).find((name) => !known.has(name));
  assert.ok(fresh, `no run was written: ${stdout}${stderr}`);
  const { findings } = JSON.parse(readFileSync(join(out, fresh, "run.json"), "utf8")) as Run;
  assert.deepEqual(findings.map(({ control }) => control).toSorted(), IDS.toSorted());
  const bad = findings.filter(({ result }) => result !== "pass");
  return new Map(
    bad.map(({ control, result, checks }) => [
      control,
      `${result}\n${checks.flatMap(({ reason }) => reason ?? []).join("\n")}`,
    ]),
  );
}

let lab: Lab;

interface Spoiling {
  readonly title: string;
  readonly spoil: () => Promise<void> | void;
  readonly undo: () => Promise<void> | void;
  readonly red: Readonly<Record<string, RegExp>>;
}

/** A line put before all others of a chain of the node. */
function line(program: "iptables-legacy" | "ip6tables-legacy", chain: string, rule: string) {
  const change = (action: string) => async () => {
    await run(lab, "host", [program, action, chain, ...rule.split(" ")]);
  };
  return { spoil: change("-I"), undo: change("-D") };
}

/** A file of the lab, changed; then what makes its server read it. */
function file(path: string, change: (text: string) => string, read: () => Promise<void> = async () => {}) {
  let text = "";
  const write = async (content: string) => {
    writeFileSync(outside(lab, path), content);
    await read();
  };
  return {
    spoil: () => {
      text = readFileSync(outside(lab, path), "utf8");
      const changed = change(text);
      assert.notEqual(changed, text);
      return write(changed);
    },
    undo: () => write(text),
  };
}

async function reloadPublicDns(): Promise<void> {
  const log = outside(lab, "/run/phx/internet/public-dns.log");
  const loads = () => readFileSync(log, "utf8").split("all zones loaded").length;
  const earlier = loads();
  const found = serviceProcesses(lab).find(({ service }) => service === "public-dns");
  assert.ok(found);
  await signal(lab, found.daemon, "HUP");
  await awaitReady("named", "zones loaded again", () => loads() > earlier || undefined, BOUND.serverReadyMs);
}

function foreignRoot(): string {
  const keys = ecKeys();
  const now = Date.now();
  return createCertificate({
    commonName: "Another root",
    publicKey: keys.publicKey,
    pathLength: 0,
    notBefore: new Date(now - 60_000),
    notAfter: new Date(now + 3_600_000),
    issuer: { commonName: "Another root", keys },
  });
}

const FOREIGN = "/run/phx/101/foreign.pem";

const SPOILINGS: readonly Spoiling[] = [
  {
    title: "a sender that no rule names, on a declared port",
    ...line("iptables-legacy", "veth801i0-IN", "-s 10.0.0.50 -p tcp --dport 3000 -j ACCEPT"),
    red: {
      "FW-004":
        /^fail\n801 is reached from lan on tcp\/3000, beside what phoenix_lxc_configs\.json:\d+:\d+ says$/,
    },
  },
  {
    title: "a port opened over IPv6 alone",
    ...line("ip6tables-legacy", "veth801i0-IN", "-p tcp --dport 8000 -j ACCEPT"),
    red: {
      "FW-005":
        /^fail\nguest 801 \(grafana\) is reached from .* on tcp\/8000, and no declared rule allows it/,
    },
  },
  {
    title: "a guest with a global address of IPv6",
    spoil: async () => {
      writeSysctls(lab, "802", { "net/ipv6/conf/eth0/disable_ipv6": "0" });
      await run(lab, undefined, [
        "ip",
        "-n",
        "802",
        "addr",
        "add",
        "2001:db8::99/64",
        "dev",
        "eth0",
        "nodad",
      ]);
    },
    undo: () => {
      writeSysctls(lab, "802", { "net/ipv6/conf/eth0/disable_ipv6": "1" });
    },
    red: { "FW-005": /^fail\n802 20010db8000000000000000000000099%eth0: IPv6 is declared nowhere/ },
  },
  {
    title: "a DROP on a guest's way out that nobody declares",
    ...line("iptables-legacy", "veth801i0-OUT", "-d 203.0.113.10 -p tcp --dport 443 -j DROP"),
    red: {
      "SEG-004": /^fail\nstopped elsewhere than the model says \(none: .*veth801i0-OUT: model 0, kernel 1/,
    },
  },
  {
    title: "another root in Nginx's trust store",
    spoil: async () => {
      const nginx = file("/run/phx/101/nginx.conf", (text) =>
        text.replace(/(proxy_ssl_trusted_certificate) [^;]+;/, `$1 ${FOREIGN};`),
      );
      writeFileSync(outside(lab, FOREIGN), foreignRoot());
      await nginx.spoil();
      undoNginx = nginx.undo;
    },
    undo: () => undoNginx(),
    red: {
      "PKI-002":
        /^fail\nanother root than the one that Step-CA names: .*foreign\.pem [0-9A-F:]{95} CN=Another root$/,
    },
  },
  {
    title: "a public name that is another's address",
    ...file(
      "/run/phx/internet/external.zone",
      (text) => text.replace(/^(portainer\S* IN A) .*$/m, "$1 10.0.0.154"),
      reloadPublicDns,
    ),
    red: {
      "RTE-002": /^fail\nhttps:\/\/portainer\.\S+ ends at DNS: 10\.0\.0\.154, and not 10\.0\.0\.153$/,
      "EDGE-003": /^fail\nhttp:\/\/portainer\.\S+ from wan: net::ERR_/,
    },
  },
];

let undoNginx: () => Promise<void> = async () => {};

const needsRoot = { skip: process.getuid?.() !== 0 && "only root can make a lab" };

describe("a standing lab that lets through more, or leads elsewhere, than its files say", needsRoot, () => {
  before(() => {
    const { status, stderr } = phx("converge", "--lab", NAME);
    assert.equal(status, 0, stderr);
    lab = findLab(NAME);
  });
  after(() => {
    phx("destroy", NAME);
    rmSync(out, { recursive: true, force: true });
  });

  test("as converged, none is red", () => assert.deepEqual([...red()], []));

  for (const { title, spoil, undo, red: expected } of someOf(SPOILINGS)) {
    test(`${title}: ${Object.keys(expected).join(", ")}`, async () => {
      await spoil();
      try {
        const found = red();
        assert.deepEqual([...found.keys()].toSorted(), Object.keys(expected).toSorted());
        for (const [id, reason] of Object.entries(expected)) assert.match(found.get(id) ?? "", reason);
      } finally {
        await undo();
      }
    });
  }
});
