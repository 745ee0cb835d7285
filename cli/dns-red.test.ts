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
import { findLab, type Lab, outside } from "../lab/lab.ts";
import { signal } from "../lab/process.ts";
import { awaitReady, BOUND } from "../lab/waits.ts";

/* One standing lab, its name servers spoiled in one way at a time: the controls of DNS that forbid it turn red, no other. */

const NAME = `dns-red-${process.pid}`;
const out = mkdtempSync(join(tmpdir(), "phx-dns-red-"));
const PHX = join(import.meta.dirname, "main.ts");
const HOST = "/run/phx/host";
const IDS = ["DNS-001", "DNS-002", "DNS-003", "DNS-004", "DNS-005"];

function phx(...args: string[]) {
  const env = { ...process.env, PHX_OUT: out };
  return spawnSync(process.execPath, [PHX, ...args], { encoding: "utf8", env });
}

/** Result and summary of each control of DNS, by its id. */
function judged(): Map<string, { result: string; summary: string; reasons: string }> {
  const known = new Set(readdirSync(out));
  const { stdout, stderr } = phx("probe", NAME, "--controls", "DNS");
  const fresh = readdirSync(out).find((name) => !known.has(name));
  assert.ok(fresh, `no run was written: ${stdout}${stderr}`);
  const { findings } = JSON.parse(readFileSync(join(out, fresh, "run.json"), "utf8")) as Run;
  return new Map(
    findings.map(({ control, result, summary, checks }) => [
      control,
      { result, summary, reasons: checks.flatMap(({ reason }) => reason ?? []).join("\n") },
    ]),
  );
}

let lab: Lab;

/** The node's `named` reads configuration and zones again, as an operator would have it. */
async function reload(): Promise<void> {
  const log = outside(lab, `${HOST}/dns.log`);
  const loads = () => readFileSync(log, "utf8").split("all zones loaded").length;
  const earlier = loads();
  const found = serviceProcesses(lab).find(({ service }) => service === "dns");
  assert.ok(found);
  await signal(lab, found.daemon, "HUP");
  await awaitReady("named", "zones loaded again", () => loads() > earlier || undefined, BOUND.serverReadyMs);
}

interface Spoiling {
  readonly title: string;
  readonly file: "external.zone" | "internal.zone" | "named.conf";
  readonly change: (text: string) => string;
  /** A further file, new. */
  readonly beside?: readonly [name: string, text: string];
  readonly unread?: true;
  readonly red: Readonly<Record<string, RegExp>>;
  readonly result?: "inconclusive";
}

const append = (line: string) => (text: string) => `${text}${line}\n`;
const external = (to: string) => (text: string) => {
  const at = text.indexOf('view "external"');
  return text.slice(0, at) + text.slice(at).replace("recursion no;\n  allow-query-cache { none; };", to);
};

const SPOILINGS: readonly Spoiling[] = [
  {
    title: "a wildcard in the external view",
    file: "external.zone",
    change: append("* IN A 10.0.0.153"),
    red: { "DNS-001": /undeclared-7f3a\.phoenix\.thinkheads\.ai .*NOERROR/ },
  },
  {
    title: "an address record that nobody may cache",
    file: "external.zone",
    change: (text) => text.replace(/^(grafana\S+) IN A/m, "$1 0 IN A"),
    red: { "DNS-001": /grafana.*a TTL of 0 s/ },
  },
  {
    title: "an AAAA record beside a public name's address",
    file: "external.zone",
    change: append("grafana IN AAAA 2001:db8::1"),
    red: { "DNS-001": /AAAA grafana.*2001:db8::1/ },
  },
  {
    title: "retries that come later than refreshes",
    file: "external.zone",
    change: (text) => text.replace("3600 600 604800", "3600 7200 604800"),
    red: { "DNS-001": /retry 7200 s is not less than refresh 3600 s/ },
  },
  {
    title: "an internal address in the TXT record of a public name",
    file: "external.zone",
    change: append('portainer IN TXT "see 10.0.0.101"'),
    red: { "DNS-003": /ANY portainer.*TXT see 10\.0\.0\.101/ },
  },
  {
    title: "an alias from a public name into the internal zone",
    file: "external.zone",
    change: append("see IN CNAME grafana.internal.thinkheads.ai."),
    red: {
      "DNS-001": /also has see\.phoenix\.thinkheads\.ai CNAME/,
      "DNS-003": /the external view holds see\.phoenix\.thinkheads\.ai CNAME grafana\.internal/,
    },
  },
  {
    title: "internal names whose existence an outsider can tell",
    file: "named.conf",
    change: external('recursion no;\n  zone "internal.thinkheads.ai" { type primary; file "oracle.zone"; };'),
    beside: [
      "oracle.zone",
      '$TTL 300\n@ IN SOA ns1.public-dns.test. hostmaster.public-dns.test. 1 3600 600 604800 300\n@ IN NS ns1.public-dns.test.\ngrafana IN TXT "here"\n',
    ],
    red: {
      "DNS-003":
        /10\.0\.0\.13 tells lan what exists: A internal\S+ udp has NOERROR.*what does not exist has NXDOMAIN/,
    },
  },
  {
    title: "a device of the LAN that is taken for a guest",
    file: "named.conf",
    change: (text) => text.replace(/(view "internal" \{\s+match-clients \{)/, "$1 10.0.0.0/24;"),
    red: {
      "DNS-003": /the external view says A .*internal\.thinkheads\.ai/,
      "DNS-005": /gave lan A known\.upstream\.test udp: .*it offers recursion/,
    },
  },
  {
    title: "transfers to everybody",
    file: "named.conf",
    change: (text) => text.replace("allow-transfer { none; }", "allow-transfer { any; }"),
    red: { "DNS-005": /gave lan AXFR phoenix\.thinkheads\.ai tcp: NOERROR/ },
  },
  {
    title: "recursion for everybody",
    file: "named.conf",
    change: external("recursion yes; allow-recursion { any; }; forward only; forwarders { 9.9.9.9; };"),
    red: { "DNS-005": /gave lan A known\.upstream\.test udp: .*it offers recursion/ },
  },
  {
    title: "a version that is shown",
    file: "named.conf",
    change: (text) => text.replace("version none;", 'version "9.18 of ours";'),
    red: { "DNS-005": /version\.bind tcp CH: .*9\.18 of ours/ },
  },
  {
    title: "updates from the LAN",
    file: "named.conf",
    change: (text) => text.replace(/(view "external"[^]*file "external.zone";)/, "$1 allow-update { any; };"),
    red: { "DNS-005": /gave lan SOA phoenix\.thinkheads\.ai (udp|tcp) as UPDATE/ },
  },
  {
    title: "a reverse zone that is forwarded",
    file: "named.conf",
    change: (text) => {
      const at = text.indexOf('view "internal"');
      return text.slice(0, at) + text.slice(at).replace(/ {2}zone "0\.0\.10\.in-addr\.arpa".*\n/, "");
    },
    red: {
      "DNS-002": /SERVFAIL/,
      "DNS-004": /10\.0\.0\.13 asked \S+ for PTR \d+\.0\.0\.10\.in-addr\.arpa .*leaves the network/,
    },
  },
  {
    title: "a record under a name that nobody declares",
    file: "internal.zone",
    change: append("old IN A 10.0.0.99"),
    red: {
      "DNS-002":
        /host\/internal also has old\.internal\.thinkheads\.ai A 10\.0\.0\.99, which no file declares/,
    },
  },
  {
    title: "a zone file that changed after it was loaded",
    file: "internal.zone",
    change: append("old IN A 10.0.0.99"),
    unread: true,
    red: { "DNS-002": /internal\.zone was changed after the server loaded it/ },
    result: "inconclusive",
  },
];

describe("name servers that are not what their files say", () => {
  before(() => {
    const { status, stderr } = phx("converge", "--lab", NAME);
    assert.equal(status, 0, stderr);
    lab = findLab(NAME);
  });
  after(() => {
    phx("destroy", NAME);
    rmSync(out, { recursive: true, force: true });
  });

  test("as converged all five pass, and none says that it saw a sample", () => {
    const findings = judged();
    assert.deepEqual([...findings.keys()].sort(), IDS);
    for (const [id, { result, summary }] of findings) assert.equal(result, "pass", `${id}: ${summary}`);
  });

  for (const { title, file, change, beside, unread, red, result = "fail" } of someOf(SPOILINGS)) {
    test(`${title}: ${Object.keys(red).join(" and ")}`, async () => {
      const path = outside(lab, `${HOST}/${file}`);
      const text = readFileSync(path, "utf8");
      const spoiled = change(text);
      assert.notEqual(spoiled, text);
      if (beside) writeFileSync(outside(lab, `${HOST}/${beside[0]}`), beside[1]);
      writeFileSync(path, spoiled);
      try {
        if (!unread) await reload();
        const findings = judged();
        for (const id of IDS) {
          const found = findings.get(id);
          const expected = red[id];
          assert.equal(found?.result, expected ? result : "pass", `${id}: ${found?.reasons ?? ""}`);
          if (expected) assert.match(found?.reasons ?? "", expected);
        }
      } finally {
        writeFileSync(path, text);
        await reload();
      }
    });
  }
});
