import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { test } from "node:test";
import Ajv from "ajv-draft-04";
import addFormats from "ajv-formats";
import { estateFolder, phx } from "../fixtures/phx.ts";
import { type Files, NEWER, REFERENCE, SECRETS } from "../fixtures/reference.ts";
import { diffIn, repository } from "../fixtures/repository.ts";

const SCHEMA = new URL("../../shared/schemas/sarif-schema-2.1.0-errata01.json", import.meta.url);

/** One rule more: anybody may reach tcp 8080 of Traefik. */
function open(files: Files): void {
  files.lxc.lxc_configs["102"].firewall.rules.push({
    type: "in",
    action: "ACCEPT",
    proto: "tcp",
    port: "8080",
  });
}

/** All that a folder holds, its repository too, as one digest. */
function digestOf(path: string): string {
  const hash = createHash("sha256");
  for (const entry of readdirSync(path, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    hash.update(file);
    if (entry.isFile()) hash.update(readFileSync(file));
  }
  return hash.digest("hex");
}

test("the help shows how a folder is written, and each exit status", async () => {
  const { stdout } = await phx(["diff", "--help"]);
  assert.match(stdout, /^ {7}phx diff \.\/DIR \.\/DIR$/m);
  assert.match(stdout, /^ {2}\.\/DIR +a folder/m);
  assert.match(stdout, /^exit status: 0 [^]*, 1 [^]*, 2 [^]*, 3 [^]*, 4 /m);
});

test("revisions in every spelling say the same, and nothing is written", async () => {
  using repo = repository();
  repo.git("checkout", "-qb", "work");
  repo.write(open);
  repo.git("commit", "-qam", "two");
  repo.git("checkout", "-q", "main");
  writeFileSync(join(repo.path, "README"), "beside");
  repo.git("add", ".");
  repo.git("commit", "-qm", "three");
  repo.git("checkout", "-q", "work");
  const before = digestOf(repo.path);
  const results = await Promise.all(
    [
      ["main", "work", "--", "etc"],
      ["main..work", "--", "etc/"],
      ["main...work"],
      ["main", "--", "etc"],
      ["main..", "--", "./etc"],
      ["main:etc", "./etc"],
      ["HEAD~1:etc", "work:etc"],
    ].map((args) => diffIn(repo.path, args)),
  );
  for (const { status, stdout, stderr } of results) {
    assert.deepEqual([status, stderr], [1, ""]);
    assert.match(stdout, /^ {2}everywhere \(11 places\) -> 102 \(Traefik\)\n {4}tcp 8080, IPv6 too$/m);
  }
  assert.match(
    results[0]?.stdout ?? "",
    /^BASE {2}main \([0-9a-f]{12}\):etc\nHEAD {2}work \([0-9a-f]{12}\):etc\n/,
  );
  assert.match(results[3]?.stdout ?? "", /^HEAD {2}the working tree:etc$/m);
  const below = await diffIn(join(repo.path, "etc"), ["main", "--", "."]);
  assert.equal(below.status, 1, below.stderr);
  assert.equal(digestOf(repo.path), before);
});

test("what is no revision, or holds no estate: exit 2, told with its side", async () => {
  using repo = repository();
  repo.git("rm", "-q", "etc/phoenix_vm_configs.json");
  symlinkSync("/etc/passwd", join(repo.path, "etc/phoenix_vm_configs.json"));
  repo.git("add", ".");
  repo.git("commit", "-qm", "a link");
  rmSync(join(repo.path, "etc/phoenix_vm_configs.json"));
  writeFileSync(
    join(repo.path, "etc/phoenix_vm_configs.json"),
    "version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
  );
  repo.git("commit", "-qam", "a pointer");
  const cases: readonly (readonly [string[], RegExp])[] = [
    [
      ["nope", "--", "etc"],
      /revision nope: expected a commit, found none of that name.*\[revision-unknown\]/,
    ],
    [["HEAD~2..-x", "--", "etc"], /revision -x: expected a commit/],
    [["HEAD~2..\u0007"], /revision ␇: expected a commit/],
    [["--upload-pack=x", "HEAD"], /unknown flag --upload-pack/],
    [
      ["HEAD~2", "HEAD~1", "--", "etc"],
      /HEAD HEAD~1 .*found a symbolic link to \/etc\/passwd.*\[estate-unreadable\]/,
    ],
    [["HEAD~2", "HEAD", "--", "etc"], /found a pointer of Git LFS/],
    [
      ["HEAD~2", "HEAD~2", "--", "no/such"],
      /BASE HEAD~2 .*found nothing: the revision has no such path.*\[estate-missing\]/,
    ],
    [["HEAD~2", "HEAD~2", "--", "../x"], /expected a path inside the repository, found \.\.\/x/],
    [["./etc"], /found the folder \.\/etc alone/],
    [["etc"], /revision etc: expected a commit, found none of that name/],
    [[], /found nothing/],
    [["HEAD~2", "--", "etc", "etc"], /expected one PATH behind --/],
    [["HEAD~2", "--format", "xml", "--", "etc"], /found --format xml/],
  ];
  for (const [args, expected] of cases) {
    const { status, stdout, stderr } = await diffIn(repo.path, args);
    assert.deepEqual([status, stdout], [2, ""], `${args.join(" ")}: ${stderr}`);
    assert.match(stderr, expected);
  }
});

test("no repository: exit 2; no git: exit 3, but two folders need none", async () => {
  const nowhere = mkdtempSync(join(tmpdir(), "phx-diff-"));
  try {
    const none = await diffIn(nowhere, ["main..HEAD"], { GIT_CEILING_DIRECTORIES: tmpdir() });
    assert.equal(none.status, 2);
    assert.match(none.stderr, /found no repository here/);
    const PATH = [nowhere].join(delimiter);
    const without = await diffIn(nowhere, ["main..HEAD"], { PATH });
    // The launcher's own folders stand behind PATH: where git lies there it is found.
    const isElsewhere = ["/usr/local/sbin", "/usr/sbin", "/sbin"].some((folder) =>
      existsSync(join(folder, "git")),
    );
    assert.equal(without.status, isElsewhere ? 2 : 3, without.stderr);
    const folders = await diffIn(nowhere, [REFERENCE, REFERENCE], { PATH });
    assert.deepEqual([folders.status, folders.stderr], [0, ""]);
  } finally {
    rmSync(nowhere, { recursive: true });
  }
});

test("what git is told by its environment runs and writes nothing", async () => {
  using repo = repository();
  const trap = join(repo.path, "trap");
  const script = join(repo.path, "script");
  writeFileSync(script, `#!/bin/sh\ntouch ${trap}\n`, { mode: 0o755 });
  repo.git("config", "core.fsmonitor", script);
  repo.git("config", "core.pager", script);
  repo.git("config", "diff.external", script);
  const env = {
    GIT_EXTERNAL_DIFF: script,
    GIT_PAGER: script,
    GIT_TRACE: trap,
    GIT_TRACE2: trap,
    GIT_SSH_COMMAND: script,
  };
  const inside = await diffIn(repo.path, ["HEAD", "--", "etc"], env);
  assert.deepEqual([inside.status, inside.stderr], [0, ""]);
  assert.match(inside.stdout, /no change in behaviour: the files are the same\n$/);
  const elsewhere = await diffIn(tmpdir(), ["HEAD:etc", "HEAD:etc"], {
    ...env,
    GIT_DIR: join(repo.path, ".git"),
  });
  assert.deepEqual([elsewhere.status, elsewhere.stderr], [0, ""]);
  assert.ok(!existsSync(trap));
});

const GOVERNED = { owner: "net", reason: "the new console", ticket: "NET-7", expires: "2999-01-01" };
const SENDERS = ["wan", "lan", "host", "101", "103", "801", "802", "803", "901", "1001", "1002"];
const approve = (change: object = {}) =>
  JSON.stringify({
    approvals: [{ from: SENDERS, to: "102", flows: ["tcp 8080, IPv6 too"], ...GOVERNED, ...change }],
  });

test("an approval of BASE covers what it names; one of HEAD, expired, unused or broad does not", async () => {
  using base = estateFolder();
  using head = estateFolder(open);
  const file = (folder: string, text: string) => writeFileSync(join(folder, "conformance.json"), text);
  const judge = async () => await phx(["diff", base.path, head.path]);
  file(base.path, approve());
  const covered = await judge();
  assert.deepEqual([covered.status, covered.stderr], [0, ""]);
  assert.match(
    covered.stdout,
    /^Newly allowed, approved:\n(?: {2}.*\n)+ {6}approved until 2999-01-01T00:00:00\.000Z: NET-7, net: the new console$/m,
  );
  assert.match(covered.stdout, /^conformance\.json itself changes:\n {2}removed: approval of tcp 8080/m);
  const states: readonly (readonly [object, RegExp])[] = [
    [
      { expires: "2026-01-01" },
      /^ {2}expired: NET-7, conformance\.json:1:\d+, expires: 2026-01-01T00:00:00\.000Z$/m,
    ],
    [{ flows: ["tcp 8081"] }, /^ {2}unused: NET-7/m],
    [{ flows: ["everything"] }, /^ {2}too broad: NET-7, .*, flows: any protocol$/m],
    [{ flows: ["tcp"] }, /^ {2}too broad: NET-7, .*, flows: all ports of tcp$/m],
    [{ from: "*" }, /^ {2}too broad: NET-7, .*, from: \*$/m],
  ];
  for (const [change, expected] of states) {
    file(base.path, approve(change));
    const { status, stdout } = await judge();
    assert.equal(status, 1);
    assert.match(stdout, expected);
  }
  file(base.path, approve({ flows: ["tcp 8080"] }));
  assert.match((await judge()).stdout, /^Newly allowed:\n.*\n {4}tcp 8080, IPv6 only$/m);
  rmSync(join(base.path, "conformance.json"));
  file(head.path, approve());
  const own = await judge();
  assert.equal(own.status, 1);
  assert.match(own.stdout, /^HEAD .*\n\nconformance\.json itself changes:\n {2}added: approval of tcp 8080/m);
});

test("a conformance.json that is none: exit 2 with the place and the side", async () => {
  using base = estateFolder();
  const cases: readonly (readonly [string, RegExp])[] = [
    ["{", /conformance\.json:1:2.*\[json-syntax\]/],
    [`{"approvals":[{}]}`, /\/approvals\/0\/owner: expected .*found nothing/],
    [
      approve({ flows: ["tcp eighty"] }),
      /\/approvals\/0\/flows\/0: expected flows as phx diff prints them.*found "tcp eighty"/,
    ],
    [approve({ expires: "tomorrow" }), /expected a date, 2027-01-31/],
    [`{"waivers":[{"control":"x"}]}`, /expected a control's id/],
    [`{"aprovals":[]}`, /aprovals/],
  ];
  for (const [text, expected] of cases) {
    writeFileSync(join(base.path, "conformance.json"), text);
    const { status, stdout, stderr } = await phx(["diff", base.path, REFERENCE]);
    assert.deepEqual([status, stdout], [2, ""], stderr);
    assert.match(stderr, /^phx: BASE /);
    assert.match(stderr, expected);
  }
});

test("an estate and the files that it is exported to do the same", async () => {
  const out = mkdtempSync(join(tmpdir(), "phx-diff-"));
  try {
    await phx(["export", "pve", REFERENCE, "--out", out]);
    for (const sides of [
      [REFERENCE, out],
      [out, REFERENCE],
    ]) {
      const { status, stdout } = await phx(["diff", ...sides]);
      assert.equal(status, 0);
      assert.match(stdout, /^no change in behaviour, only in text: /m);
    }
    cpSync(REFERENCE, out, { recursive: true });
    assert.match((await phx(["diff", REFERENCE, out])).stderr, /HEAD .*\[estate-ambiguous\]/);
  } finally {
    rmSync(out, { recursive: true });
  }
});

test("names, routes, certificates and guests", async () => {
  const { status, stdout } = await phx(["diff", REFERENCE, NEWER]);
  assert.equal(status, 1);
  for (const line of [
    "  added vectors.phoenix.thinkheads.ai outside: 10.0.0.153",
    "  removed pve.internal.thinkheads.ai inside: 10.0.0.13",
    "  added vectors.internal.thinkheads.ai Step-CA: 10.0.0.12",
    "  added vectors.internal.thinkheads.ai: http://10.0.0.102:6333 (guest 1002)",
    "  changed Step-CA: provisioner acme -> acme@thinkheads.ai",
    "  added vectors.internal.thinkheads.ai of Traefik: acme, provisioner acme@thinkheads.ai",
  ])
    assert.ok(stdout.includes(`${line}\n`), line);
});

function assertSarif(log: unknown): void {
  if (!existsSync(SCHEMA)) return;
  const ajv = new Ajv.default({ strict: false, allErrors: true });
  addFormats.default(ajv);
  const validate = ajv.compile(JSON.parse(readFileSync(SCHEMA, "utf8")) as object);
  assert.ok(validate(log), JSON.stringify(validate.errors));
}

test("JSON and SARIF hold what text does, SARIF by its schema, and no form holds a secret", async () => {
  using head = estateFolder(open);
  const json = await phx(["diff", REFERENCE, head.path, "--json"]);
  const text = await phx(["diff", REFERENCE, head.path]);
  assert.match(text.stdout, /^newly allowed: 1 \(11 pairs\)$/m);
  const { unapproved, changes } = JSON.parse(json.stdout) as {
    unapproved: number;
    changes: {
      kind: string;
      from: string[];
      to: string[];
      flows: string[];
      witness: { base: { verdict: string }; head: { verdict: string } };
    }[];
  };
  assert.equal(unapproved, 11);
  for (const { kind, to, flows, witness } of changes)
    assert.deepEqual(
      [kind, to, flows, witness.base.verdict, witness.head.verdict],
      ["allowed", ["102"], ["tcp 8080, IPv6 too"], "drop", "accept"],
    );
  const sarif = await phx(["diff", REFERENCE, head.path, "--format", "sarif"]);
  const log = JSON.parse(sarif.stdout) as {
    runs: { results: { ruleId: string; message: { text: string } }[] }[];
  };
  assert.deepEqual(
    log.runs[0]?.results.map(({ ruleId }) => ruleId),
    ["newly-allowed"],
  );
  assertSarif(log);
  for (const form of ["text", "markdown", "json", "sarif"]) {
    const { stdout, stderr } = await phx(["diff", NEWER, REFERENCE, "--format", form]);
    assert.doesNotMatch(stdout + stderr, SECRETS);
  }
});

test("of a place with too many rules each form says that packets are undecided, and what else changed", async () => {
  using head = estateFolder(({ lxc }) => {
    const { firewall, network_config: network } = lxc.lxc_configs["102"];
    firewall.rules = Array.from({ length: 2001 }, () => ({ type: "in", action: "DROP" }));
    network.nameservers = "10.0.0.99";
  });
  const why = "guest 102 has 2,001 rules, of which at most 2,000 are compared";
  const ended = async (form: string) => {
    const { status, stdout, stderr } = await phx(["diff", REFERENCE, head.path, "--format", form]);
    assert.deepEqual([status, stderr], [4, `phx: undecided: ${why}; packets were not compared\n`]);
    return stdout;
  };
  const text = await ended("text");
  assert.match(text, new RegExp(`^Undecided:\n  ${why}: packets were not compared$`, "m"));
  assert.match(text, /^undecided: packets were not compared; guest: 1$/m);
  assert.match(await ended("markdown"), /^### phx diff: undecided$/m);
  const { undecided, changes, declared } = JSON.parse(await ended("json")) as Record<string, unknown>;
  assert.deepEqual([undecided, changes], [why, []]);
  assert.match(JSON.stringify(declared), /10\.0\.0\.99/);
  const log = JSON.parse(await ended("sarif")) as { runs: { results: { ruleId: string }[] }[] };
  assert.deepEqual(
    log.runs[0]?.results.map(({ ruleId }) => ruleId),
    ["undecided"],
  );
  assertSarif(log);
});
