import "../fixtures/own-labs.ts";
import assert from "node:assert/strict";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, test } from "node:test";
import type { Run } from "../audit/run.ts";
import { disposableLab, phx } from "../fixtures/phx.ts";
import { REFERENCE } from "../fixtures/reference.ts";

const out = mkdtempSync(join(tmpdir(), "phx-operator-"));
process.env["PHX_OUT"] = join(out, "runs");
mkdirSync(join(out, "runs"));
after(() => rmSync(out, { recursive: true, force: true }));

function estate(name: string): string {
  return join(REFERENCE, "..", name);
}

/** The reference estate's files, and these of the operator beside them. */
function estateWith(name: string, files: Readonly<Record<string, string>>): string {
  const folder = join(out, name);
  cpSync(REFERENCE, folder, { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return folder;
}

async function ran(args: readonly string[]): Promise<Run> {
  const known = new Set(readdirSync(join(out, "runs")));
  const { stderr, stdout } = await phx(args);
  const fresh = readdirSync(join(out, "runs")).find((name) => !known.has(name));
  assert.ok(fresh, stderr + stdout);
  return JSON.parse(readFileSync(join(out, "runs", fresh, "run.json"), "utf8")) as Run;
}

const verified = (folder: string, controls: string) => ran(["verify", folder, "--controls", controls]);

function failed({ findings }: Run): string[] {
  return findings
    .filter(({ result }) => result !== "pass")
    .map(({ control, result }) => `${control} ${result}`);
}

/** Reasons of a control's failed checks that name a place in the operator's files. */
function placed({ findings }: Run): string[] {
  return findings.flatMap(({ control, checks }) =>
    checks.flatMap(({ result, declared, observed }) =>
      result === "fail" && /^(?:nginx|traefik|step-ca)\//.test(declared?.file ?? "")
        ? [`${control} ${declared?.file}:${declared?.line} ${observed}`]
        : [],
    ),
  );
}

const SERVICES = "EDGE-003,EDGE-005,EDGE-006,RTE-002,RTE-003,RTE-005,PKI-001,PKI-002,PKI-003";

describe("the operator's own files", () => {
  test("right ones run as they are, and each control says for which files it was proved", async () => {
    const run = await verified(estate("operator-right"), `${SERVICES},PKI-006`);
    assert.deepEqual(failed(run), []);
    const of = (id: string) => run.findings.find(({ control }) => control === id)?.provedFor;
    assert.deepEqual(of("EDGE-003"), [
      "the operator's own nginx/conf.d/tls.conf, nginx/sites-available/gateway, nginx/snippets/to-traefik.conf",
    ]);
    assert.deepEqual(of("PKI-003"), ["phx's own template of Step-CA"]);
    assert.ok(run.mapping?.some(({ what, becomes }) => what.endsWith("/privkey.pem") && becomes !== ""));
    assert.ok(run.estate.files.some(({ name }) => name === "traefik/traefik.yml"));
  });

  test("without proxy_ssl_verify Nginx takes an impostor: PKI-006 alone, with the line", async () => {
    const run = await verified(estate("operator-unverified"), `${SERVICES},PKI-006`);
    assert.deepEqual(failed(run), ["PKI-006 fail"]);
    assert.deepEqual(placed(run), [
      "PKI-006 nginx/sites-available/gateway:52 proxy_pass https://traefik without proxy_ssl_verify on: Nginx takes any certificate",
    ]);
    const reasons = run.findings.flatMap(({ checks }) => checks.map(({ reason = "" }) => reason));
    assert.ok(reasons.some((reason) => reason.startsWith("Nginx took a certificate of another CA for ")));
  });

  test("httpChallenge gets no certificate and the API is open: each is named with its line", async () => {
    const run = await verified(estate("operator-http-challenge"), SERVICES);
    assert.deepEqual(placed(run), [
      "RTE-005 traefik/traefik.yml:18 api.insecure at :8080: whoever reaches the guest reads the API",
      "PKI-001 traefik/traefik.yml:46 certificatesResolvers.step-ca asks for httpChallenge, where Step-CA is to validate by TLS-ALPN-01 alone",
    ]);
    assert.ok(failed(run).every((line) => !line.endsWith(" pass")) && failed(run).includes("PKI-001 fail"));
    const reasons = run.findings.flatMap(({ checks }) => checks.map(({ reason = "" }) => reason));
    assert.ok(
      reasons.some((reason) => /also listens on 0\.0\.0\.0:80, 0\.0\.0\.0:8080, its API/.test(reason)),
    );
    assert.deepEqual(run.faults, []);
  });

  test("phx's templates, exported and laid beside the files, are loaded and pass", async () => {
    const folder = estateWith("exported", {});
    for (const server of ["nginx", "traefik", "step-ca"]) {
      const { status, stderr } = await phx(["export", server, join(folder, server), folder]);
      assert.equal(status, 0, stderr);
    }
    const run = await verified(folder, SERVICES);
    assert.deepEqual(failed(run), []);
    const words = run.findings.flatMap(({ provedFor = [] }) => provedFor);
    assert.ok(
      words.length > 0 && words.every((each) => each.startsWith("the operator's own ")),
      words.join("\n"),
    );
  });

  test("export overwrites nothing unless it is forced", async () => {
    const folder = estateWith("forced", { "nginx/nginx.conf": "mine", "nginx/other": "kept" });
    const target = join(folder, "nginx");
    const { status, stderr } = await phx(["export", "nginx", target, REFERENCE]);
    assert.equal(status, 2);
    assert.match(stderr, /expected a new or an empty folder/);
    assert.equal(readFileSync(join(target, "nginx.conf"), "utf8"), "mine");
    assert.equal((await phx(["export", "nginx", target, REFERENCE, "--force"])).status, 0);
    assert.match(readFileSync(join(target, "nginx.conf"), "utf8"), /^# phx's own template/);
    assert.deepEqual(readdirSync(target).sort(), ["nginx.conf", "other"]);
  });
});

const HTTP = "events {}\nhttp { server { listen 80; } }\n";
const WITNESS = join(tmpdir(), `phx-operator-witness-${process.pid}`);

/** What Nginx's main file has before it: the words that it ends with, and the line. */
const REFUSED: readonly (readonly [string, string, RegExp])[] = [
  [
    "a directive that is none",
    `proxy_ssl_verfy on;\n${HTTP}`,
    /unknown directive "proxy_ssl_verfy" in \/etc\/nginx\/nginx\.conf:1/,
  ],
  [
    "a module",
    `\nload_module modules/ngx_http_perl_module.so;\n${HTTP}`,
    /dlopen\(\).* in \/etc\/nginx\/nginx\.conf:2|No such file/,
  ],
  [
    "Lua",
    `${HTTP}lua_package_path "/x";\n`,
    /unknown directive "lua_package_path" in \/etc\/nginx\/nginx\.conf:3/,
  ],
  ["a daemon", `daemon on;\n${HTTP}`, /"daemon" directive is duplicate in \/etc\/nginx\/nginx\.conf:1/],
  ["this machine's users", `include /etc/passwd;\n${HTTP}`, /in \/etc\/passwd:/],
  ["a log in this machine's folder", `error_log ${WITNESS};\n${HTTP}\nbroken`, /unexpected end of file/],
  ["a user who is none", `user phx-nobody-has-this;\n${HTTP}`, /getpwnam\("phx-nobody-has-this"\) failed/],
];

for (const [title, text, words] of REFUSED)
  test(`Nginx with ${title} refuses, in its own words, and reads and writes nothing of this machine`, async () => {
    await using lab = disposableLab();
    const folder = estateWith(`refused-${REFUSED.findIndex(([each]) => each === title)}`, {
      "nginx/nginx.conf": text,
    });
    const converged = await phx(["converge", folder, "--lab", lab.name]);
    assert.equal(converged.status, 0, converged.stderr);
    const run = await ran(["probe", lab.name, "--controls", "EDGE-005,RTE-003,PKI-003"]);
    const taken = run.findings.flatMap(({ control, checks }) =>
      checks.filter((check) => check.title.startsWith("Nginx takes")).map((check) => ({ control, ...check })),
    );
    assert.deepEqual(
      taken.map(({ control }) => control),
      ["EDGE-005"],
    );
    assert.notEqual(taken[0]?.result, "pass");
    assert.match(taken[0]?.observed ?? "", words);
    assert.doesNotMatch(JSON.stringify(run), /root:x:0:0:root/);
    assert.deepEqual(run.faults, []);
    assert.deepEqual(
      failed(run).filter((line) => !line.startsWith("EDGE-005")),
      [],
    );
    assert.equal(existsSync(WITNESS), false);
  });

test("Traefik and Step-CA that refuse say why; the rest of the lab stands", async () => {
  await using lab = disposableLab();
  const folder = estateWith("both-refused", {
    "traefik/traefik.yml": "entryPoints:\n  web:\n    address: ':443'\n    bogus: 1\n",
    "step-ca/ca.json": '{ "authority": { "provisioners": [ { "type": "NONE" } ] } }\n',
  });
  assert.equal((await phx(["converge", folder, "--lab", lab.name])).status, 0);
  const run = await ran(["probe", lab.name, "--controls", "DNS-001,RTE-002,PKI-003"]);
  const said = run.findings.flatMap(({ control, checks }) =>
    checks
      .filter(({ title }) => title.includes(" takes the operator's"))
      .map(({ observed }) => `${control} ${observed}`),
  );
  assert.match(said.join("\n"), /RTE-002 .*field not found, node: bogus/);
  assert.match(said.join("\n"), /PKI-003 address cannot be empty/);
  assert.deepEqual(
    failed(run).filter((line) => line.startsWith("DNS")),
    [],
  );
  assert.deepEqual(run.faults, []);
});
