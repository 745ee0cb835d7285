import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Files } from "../fixtures/reference.ts";
import { diffIn, repository } from "../fixtures/repository.ts";

/* Who approves: BASE's conformance.json, whatever HEAD does to the file. */

const NAME = "etc/conformance.json";
const SENDERS = ["wan", "lan", "host", "101", "103", "801", "802", "803", "901", "1001", "1002"];
const APPROVAL = {
  from: SENDERS,
  to: "102 (Traefik)",
  flows: ["tcp 8080, IPv6 too"],
  owner: "net",
  reason: "a console",
  ticket: "NET-7",
  expires: "2999-01-01",
};
const conformance = (...approvals: readonly object[]) => JSON.stringify({ approvals });

/** One rule more: anybody may reach tcp 8080 of Traefik. */
function open({ lxc }: Files): void {
  lxc.lxc_configs["102"].firewall.rules.push({ type: "in", action: "ACCEPT", proto: "tcp", port: "8080" });
}

/** A repository whose BASE (`main`) may have a conformance.json and whose HEAD opens a port. */
function governed(base: string | undefined, change: (path: string) => void) {
  const repo = repository();
  const commit = () => {
    repo.git("add", "-A");
    repo.git("commit", "-qm", "next", "--allow-empty");
  };
  if (base !== undefined) writeFileSync(join(repo.path, NAME), base);
  commit();
  repo.git("checkout", "-qb", "work");
  repo.write(open);
  change(join(repo.path, NAME));
  commit();
  return repo;
}

const FIRST = (what: string) =>
  new RegExp(
    `^BASE .*\\nHEAD .*\\n\\nconformance\\.json itself changes:\\n {2}${what}: approval of tcp 8080`,
  );

test("a change neither approves itself nor takes back what BASE approved", async () => {
  const ours = conformance(APPROVAL);
  const cases: readonly (readonly [string | undefined, (path: string) => void, number, RegExp])[] = [
    [undefined, (path) => writeFileSync(path, ours), 1, FIRST("added")],
    [ours, () => {}, 0, /^Newly allowed, approved:$/m],
    [ours, (path) => rmSync(path), 0, FIRST("removed")],
    [ours, (path) => renameSync(path, join(path, "../../conformance.json")), 0, FIRST("removed")],
    [ours, (path) => writeFileSync(path, conformance(APPROVAL, APPROVAL)), 0, FIRST("added")],
    [
      conformance({ ...APPROVAL, expires: "2026-01-01" }),
      (path) => writeFileSync(path, ours),
      1,
      /^ {2}expired: NET-7, conformance\.json:1:15, expires: 2026-01-01T00:00:00\.000Z$/m,
    ],
  ];
  for (const [base, change, status, expected] of cases) {
    using repo = governed(base, change);
    for (const args of [
      ["main..HEAD", "--", "etc"],
      ["main", "--", "etc"],
    ]) {
      const said = await diffIn(repo.path, args);
      assert.deepEqual([said.status, said.stderr], [status, ""], `${expected} ${args.join(" ")}`);
      assert.match(said.stdout, expected);
    }
  }
});

test("a conformance.json of HEAD that is none stops the difference, and is told as HEAD's", async () => {
  const cases: readonly (readonly [(path: string) => void, RegExp])[] = [
    [(path) => writeFileSync(path, '{"approvals": ['), /HEAD .*conformance\.json:1:16.*\[json-syntax\]/],
    [(path) => writeFileSync(path, Buffer.from([0xff])), /HEAD .*found other bytes.*\[json-syntax\]/],
    [(path) => symlinkSync("/etc/passwd", path), /HEAD .*found a symbolic link to \/etc\/passwd/],
    [(path) => mkdirFile(path), /HEAD .*found a (?:folder|directory)/],
    [
      (path) => writeFileSync(path, "version https://git-lfs.github.com/spec/v1\n"),
      /HEAD .*(?:Git LFS|json-syntax)/,
    ],
  ];
  for (const [change, expected] of cases) {
    using repo = governed(conformance(APPROVAL), (path) => {
      rmSync(path);
      change(path);
    });
    for (const args of [
      ["main..HEAD", "--", "etc"],
      ["main", "--", "etc"],
    ]) {
      const said = await diffIn(repo.path, args);
      assert.deepEqual([said.status, said.stdout], [2, ""], said.stderr);
      assert.match(said.stderr, expected);
    }
  }
});

function mkdirFile(path: string): void {
  mkdirSync(path);
  writeFileSync(join(path, "x"), "");
}

test("an approval without owner, reason, ticket or expiry is none: each is told with its place", async () => {
  using repo = governed(conformance({ from: "wan", to: "102", flows: ["tcp 8080"] }), () => {});
  const { status, stderr } = await diffIn(repo.path, ["main..HEAD", "--", "etc"]);
  assert.equal(status, 2);
  for (const key of ["owner", "reason", "ticket", "expires"])
    assert.match(
      stderr,
      new RegExp(
        `^phx: BASE main \\([0-9a-f]{12}\\):etc: conformance\\.json:1:15 /approvals/0/${key}: expected .+, found nothing\\. .+ \\[json-type\\]$`,
        "m",
      ),
    );
});

test("SARIF names files by their path in the repository", async () => {
  using repo = governed(undefined, () => {});
  for (const args of [
    ["main..HEAD", "--", "etc"],
    ["main"],
    ["main:etc", "./etc"],
    ["main:etc", "HEAD:etc"],
  ]) {
    const [before, after] = [args.slice(0, args.indexOf("--") >>> 0), args.slice(args.indexOf("--") >>> 0)];
    const { status, stdout } = await diffIn(repo.path, [...before, "--format", "sarif", ...after]);
    assert.equal(status, 1);
    const log = JSON.parse(stdout) as {
      runs: {
        artifacts: { location: { uri: string } }[];
        results: { locations: { physicalLocation: { artifactLocation: { uri: string } } }[] }[];
      }[];
    };
    const [run] = log.runs;
    assert.deepEqual(
      run?.results.flatMap(({ locations }) =>
        locations.map(({ physicalLocation }) => physicalLocation.artifactLocation.uri),
      ),
      ["etc/phoenix_lxc_configs.json"],
    );
    assert.match(stdout, /"text": "The repository's root; /);
    assert.ok(run?.artifacts.every(({ location }) => location.uri.startsWith("etc/")));
  }
});

test("what is hostile in names, comments and approvals is harmless in every form", async () => {
  const evil = "x\u001b[31m\u202e](http://evil.example)</details>@team``<img/src=x>\u0007";
  const root = mkdtempSync(join(tmpdir(), "phx-diff-"));
  try {
    for (const side of ["a", "b"]) {
      const write = (name: string, text: string) => writeFileSync(join(root, side, name), text);
      mkdirSync(join(root, side));
      write("cluster.fw", "[OPTIONS]\nenable: 1\n");
      write(
        "101.conf",
        `hostname: ${evil}\nnet0: name=eth0,bridge=vmbr0,hwaddr=52:54:00:00:00:65,firewall=1\n`,
      );
      write(
        "101.fw",
        `[OPTIONS]\nenable: 1\n[RULES]\n${side === "b" ? `IN ACCEPT -p tcp -dport 80 # ${evil}\n` : ""}`,
      );
    }
    const words = evil.replaceAll(/\p{Cc}/gu, "");
    const text = conformance({ ...APPROVAL, owner: words, reason: words, ticket: words });
    writeFileSync(join(root, "b", "conformance.json"), text);
    for (const form of ["text", "markdown", "json", "sarif"]) {
      const { status, stdout, stderr } = await diffIn(root, ["./a", "./b", "--format", form]);
      assert.deepEqual([status, stderr], [1, ""]);
      assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
      assert.match(stdout, /evil\.example/);
      if (form === "markdown")
        assert.doesNotMatch(stdout.replaceAll(/(`+)(?!`).*?[^`]\1(?!`)/g, ""), /evil|@team|<img/);
      if (form === "sarif") assert.doesNotMatch(stdout, /\]\(http/);
      if (form === "json" || form === "sarif") assert.equal(typeof JSON.parse(stdout), "object");
    }
  } finally {
    rmSync(root, { recursive: true });
  }
});
