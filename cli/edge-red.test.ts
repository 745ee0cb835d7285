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
import { KEYS, TRAEFIK_API_PORT } from "../converge/layout.ts";
import { exchangeHttp } from "../lab/exchange.ts";
import { findLab, type Lab, outside } from "../lab/lab.ts";
import { tcpListeners } from "../lab/network.ts";
import { signal, startDaemon } from "../lab/process.ts";
import { awaitReady, BOUND } from "../lab/waits.ts";
import type { ProbeContext } from "../probes/context.ts";
import { observeTls } from "../probes/tls.ts";

/* One standing lab, Nginx and Traefik spoiled in one way at a time: the controls that forbid it turn red, no other. */

const NAME = `edge-red-${process.pid}`;
const out = mkdtempSync(join(tmpdir(), "phx-edge-red-"));
const PHX = join(import.meta.dirname, "main.ts");
const NGINX = "/run/phx/101/nginx.conf";
const DYNAMIC = "/run/phx/102/dynamic/estate.yml";
const IDS = ["EDGE-003", "EDGE-004", "EDGE-005", "EDGE-006", "RTE-003", "RTE-004", "RTE-005"];

function phx(...args: string[]) {
  const env = { ...process.env, PHX_OUT: out };
  return spawnSync(process.execPath, [PHX, ...args], { encoding: "utf8", env });
}

/** Result and reasons of each control, by its id. */
function judged(ids: readonly string[]): Map<string, { result: string; reasons: string }> {
  const known = new Set(readdirSync(out));
  const { stdout, stderr } = phx("probe", NAME, "--controls", ids.join(","));
  const fresh = readdirSync(out).find((name) => !known.has(name));
  assert.ok(fresh, `no run was written: ${stdout}${stderr}`);
  const { findings } = JSON.parse(readFileSync(join(out, fresh, "run.json"), "utf8")) as Run;
  return new Map(
    findings.map(({ control, result, checks }) => [
      control,
      { result, reasons: checks.flatMap(({ reason }) => reason ?? []).join("\n") },
    ]),
  );
}

let lab: Lab;

/** Nginx takes its files anew: its earlier worker has ended. */
async function reloadNginx(): Promise<void> {
  const log = outside(lab, "/run/phx/101/error.log");
  const ended = () => readFileSync(log, "utf8").split("exited with code 0").length;
  const earlier = ended();
  const found = serviceProcesses(lab).find(({ service }) => service === "nginx");
  assert.ok(found);
  await signal(lab, found.daemon, "HUP");
  await awaitReady(
    "Nginx",
    "another worker",
    () => ended() > earlier || undefined,
    BOUND.serverReadyMs,
    () => readFileSync(log, "utf8").split("\n").slice(-5).join("\n"),
  );
}

/** Whether Traefik has that router. */
async function routes(router: string): Promise<boolean> {
  const asked = { address: "127.0.0.1", port: TRAEFIK_API_PORT, path: "/api/rawdata" };
  return (await exchangeHttp(lab, "102", asked, BOUND.exchangeMs)).body.includes(`"${router}@file"`);
}

/** Whether Traefik shakes hands for a name that nobody declared. */
async function greetsStrangers(): Promise<boolean> {
  const context = { lab, roots: { public: KEYS.publicRoot, internal: KEYS.root } } as ProbeContext;
  const asked = { kind: "tls", id: "look", from: "101", address: "10.0.0.12", port: 443 } as const;
  const { facts } = await observeTls(context, { ...asked, servername: "nobody.test", roots: "internal" });
  return facts["refused"] === false;
}

interface Spoiling {
  readonly title: string;
  readonly file: typeof NGINX | typeof DYNAMIC;
  readonly change: (text: string) => string;
  /** Of Traefik: what shows that it has taken the change. */
  readonly shown?: () => Promise<boolean>;
  readonly red: Readonly<Record<string, RegExp>>;
  /** Controls that then can't tell. */
  readonly untold?: readonly string[];
}

const replace = (from: string, to: string) => (text: string) => text.replace(from, to);

/** Another router beside the declared ones. */
function router(name: string, rule: string, priority: number) {
  return (text: string) => {
    const all = JSON.parse(text) as { http: { routers: Record<string, { service: string }> } };
    const [first] = Object.values(all.http.routers);
    const service = first?.service ?? "";
    const added = { entryPoints: ["websecure"], rule, priority, service, tls: {} };
    return JSON.stringify({ ...all, http: { ...all.http, routers: { ...all.http.routers, [name]: added } } });
  };
}

const SPOILINGS: readonly Spoiling[] = [
  {
    title: "TLS 1.1",
    file: NGINX,
    change: (text) =>
      text
        .replace("ssl_protocols TLSv1.2", "ssl_protocols TLSv1.1 TLSv1.2")
        .replace("ssl_ciphers ECDHE+AESGCM", "ssl_ciphers @SECLEVEL=0:ECDHE-ECDSA-AES128-SHA:ECDHE+AESGCM"),
    red: { "EDGE-004": /answers TLSv1\.1 with TLSv1\.1 TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA/ },
  },
  {
    title: "a suite of CBC",
    file: NGINX,
    change: replace("ECDHE+CHACHA20;", "ECDHE+CHACHA20:ECDHE-ECDSA-AES256-SHA384;"),
    red: { "EDGE-004": /takes TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384, which is not declared/ },
  },
  {
    title: "session tickets",
    file: NGINX,
    change: replace("ssl_session_tickets off", "ssl_session_tickets on"),
    red: { "EDGE-004": /a session ticket/ },
  },
  {
    title: "a default server that answers with a site",
    file: NGINX,
    change: replace(
      "ssl_reject_handshake on; return 421;",
      `ssl_certificate ${KEYS.edgeChain}; ssl_certificate_key ${KEYS.edgeKey}; return 200 "site";`,
    ),
    red: {
      "EDGE-003": /Nginx answers an undeclared name by TLS 1\.2: TLSv1\.2 .*certificate CN=/,
      "EDGE-006": /Nginx did not refuse GET \/ with Host undeclared\.phoenix/,
    },
  },
  {
    title: "a way from Nginx straight to a backend",
    file: NGINX,
    change: replace(
      "    location / {",
      "    location /direct { proxy_connect_timeout 100ms; proxy_pass http://10.0.0.141:3000; }\n    location / {\n      mirror /direct;",
    ),
    red: {
      "EDGE-005":
        /nginx\.conf:\d+ proxy_pass http:\/\/10\.0\.0\.141:3000 > 10\.0\.0\.141:3000[^]*Nginx connects to 10\.0\.0\.141:3000\/tcp/,
    },
  },
  {
    title: "a forwarding header that is added to",
    file: NGINX,
    change: replace("X-Forwarded-For $remote_addr", "X-Forwarded-For $proxy_add_x_forwarded_for"),
    red: { "EDGE-006": /the backend received x-forwarded-for: 192\.0\.2\.66/ },
  },
  {
    title: "a forwarding header that is left as it came",
    file: NGINX,
    change: replace('proxy_set_header X-Forwarded-Prefix "";', ""),
    red: { "EDGE-006": /the backend received x-forwarded-prefix: 192\.0\.2\.66/ },
  },
  {
    title: "one public name under another's handshake",
    file: NGINX,
    change: replace("if ($sni != $host) { return 421; }", ""),
    red: { "EDGE-006": /GET \/ with Host \S+ over TLS for \S+ was answered 200 .* arrived at guest \d+ / },
  },
  {
    title: "no strict transport",
    file: NGINX,
    change: (text) => text.replace(/^.*Strict-Transport-Security.*$/m, ""),
    red: { "EDGE-003": /without one Strict-Transport-Security/ },
  },
  {
    title: "strict transport on good answers alone",
    file: NGINX,
    change: replace('includeSubDomains" always', 'includeSubDomains"'),
    red: { "EDGE-003": /without one Strict-Transport-Security: TRACE .*405.*501/ },
  },
  {
    title: "another redirect",
    file: NGINX,
    change: replace("return 301 https://$host$request_uri", "return 302 https://$host$uri"),
    red: { "EDGE-003": /POST http:\S+: 302 to https/ },
  },
  {
    title: "a version in the Server field",
    file: NGINX,
    change: replace("server_tokens off", "server_tokens on"),
    red: { "EDGE-003": /the Server field says nginx\/\d/ },
  },
  {
    title: "a router for a path, before all others",
    file: DYNAMIC,
    change: router("by-path", "PathPrefix(`/api`)", 200),
    shown: () => routes("by-path"),
    red: { "RTE-004": /\/api\/rawdata: 200 from guest/, "RTE-005": /Traefik also routes PathPrefix/ },
  },
  {
    title: "a router that nobody declared",
    file: DYNAMIC,
    change: router("surplus", "Host(`undeclared.internal.thinkheads.ai`)", 100),
    shown: () => routes("surplus"),
    red: { "RTE-003": /an undeclared host is routed/, "RTE-005": /also routes Host\(`undeclared\.internal/ },
  },
  {
    title: "handshakes for anybody",
    file: DYNAMIC,
    change: (text) => text.replace(/"sniStrict": true/, '"sniStrict": false'),
    shown: greetsStrangers,
    // Traefik's default certificate is RSA and its suites of TLS 1.2 are for ECDSA: TLS 1.3 alone shows it.
    red: { "RTE-005": /no name by TLS 1\.3: TLSv1\.3/ },
    untold: ["RTE-003"],
  },
];

function assertRed(
  red: Spoiling["red"],
  { untold = [], edge = true }: { untold?: readonly string[] | undefined; edge?: boolean } = {},
): void {
  // Its browsers take longest, and nothing of Traefik's alone is for it to see.
  const ids = IDS.filter((id) => id !== "EDGE-003" || edge);
  const all = judged(ids);
  for (const id of ids) {
    const { result, reasons } = all.get(id) ?? { result: "none", reasons: "" };
    const expected = red[id];
    const wanted = expected ? "fail" : untold.includes(id) ? "inconclusive" : "pass";
    assert.equal(result, wanted, `${id}: ${reasons}`);
    if (expected) assert.match(reasons, expected);
  }
}

describe("a lab whose edge or mesh is not what its files say", () => {
  before(() => {
    const { status, stderr } = phx("converge", "--lab", NAME);
    assert.equal(status, 0, stderr);
    lab = findLab(NAME);
  });
  after(() => {
    phx("destroy", NAME);
    rmSync(out, { recursive: true, force: true });
  });

  test("as converged, each is conformant", () => assertRed({}));

  for (const { title, file, change, shown, red, untold } of someOf(SPOILINGS)) {
    test(`${title}: ${Object.keys(red).join(" and ")}`, async () => {
      const path = outside(lab, file);
      const right = readFileSync(path, "utf8");
      const spoiled = change(right);
      assert.notEqual(spoiled, right);
      const take = async (isSpoiled: boolean) => {
        if (!shown) return reloadNginx();
        const look = async () => (await shown()) === isSpoiled || undefined;
        await awaitReady("Traefik", "the file read anew", look, BOUND.serverReadyMs);
      };
      try {
        writeFileSync(path, spoiled);
        await take(true);
        assertRed(red, { untold, edge: file === NGINX });
      } finally {
        writeFileSync(path, right);
        await take(false);
      }
    });
  }

  test("an API that is open to all who reach the guest: RTE-005", async () => {
    const listen = `require("net").createServer().listen(${TRAEFIK_API_PORT}, "10.0.0.12")`;
    const daemon = await startDaemon(lab, "102", [process.execPath, "-e", listen], {
      log: "/run/phx/open.log",
    });
    const open = () => tcpListeners(lab, "102").has(`10.0.0.12:${TRAEFIK_API_PORT}`) || undefined;
    try {
      await awaitReady("the port", "a listener", open, BOUND.serverReadyMs);
      assertRed({ "RTE-005": /Traefik's guest also listens on 10\.0\.0\.12:8080/ }, { edge: false });
    } finally {
      await signal(lab, daemon, "KILL");
    }
  });
});
