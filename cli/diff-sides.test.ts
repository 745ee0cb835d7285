import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type Files, REFERENCE } from "../fixtures/reference.ts";
import { diffIn, repository } from "../fixtures/repository.ts";

/* What a change, or a clone, may be like, so that something else might be read than was named. */

const FILE = "etc/phoenix_vm_configs.json";
const SAME = /no change in behaviour: the files are the same\n$/;
/** No setting of the machine that runs the test. */
const PLAIN = { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" };

/** One rule more: anybody may reach tcp 8080 of Traefik. */
function open({ lxc }: Files): void {
  lxc.lxc_configs["102"].firewall.rules.push({ type: "in", action: "ACCEPT", proto: "tcp", port: "8080" });
}

/** Each call's status and what it says on the one stream that is not empty. */
async function refuse(
  cwd: string,
  cases: readonly (readonly [readonly string[], RegExp])[],
  status = 2,
  env: Readonly<Record<string, string>> = PLAIN,
): Promise<void> {
  for (const [args, expected] of cases) {
    const said = await diffIn(cwd, args, env);
    assert.deepEqual([said.status, said.stdout], [status, ""], `${args.join(" ")}: ${said.stderr}`);
    assert.match(said.stderr, expected);
  }
}

async function agree(cwd: string, calls: readonly (readonly string[])[], env = PLAIN): Promise<void> {
  for (const args of calls) {
    const said = await diffIn(cwd, args, env);
    assert.deepEqual([said.status, said.stderr], [0, ""], args.join(" "));
    assert.match(said.stdout, SAME);
  }
}

test("a bare word is a revision or a fault, whatever folders a change brings", async () => {
  using repo = repository();
  repo.git("branch", "work");
  for (const name of ["main", "work", "gone", "main:etc", "main..HEAD"])
    cpSync(REFERENCE, join(repo.path, name), { recursive: true });
  repo.write(open);
  repo.git("commit", "-qam", "two");
  const told: readonly (readonly [readonly string[], number])[] = [
    [["work", "HEAD", "--", "etc"], 1],
    [["work:etc", "HEAD:etc"], 1],
    [["main:etc", "./main"], 0],
    [["./main", join(repo.path, "etc")], 1],
    [["main/", "work/"], 0],
    [["main..HEAD", "--", "etc"], 0],
  ];
  for (const [args, status] of told) {
    const said = await diffIn(repo.path, args);
    assert.deepEqual([said.status, said.stderr], [status, ""], args.join(" "));
  }
  // The folder `main:etc` is as ./main is.
  assert.match((await diffIn(repo.path, ["main:etc", "./main"])).stdout, /^Newly denied:$/m);
  await refuse(repo.path, [
    [["gone", "HEAD:etc"], /phx diff gone: expected a revision, found a folder of .* Write \.\/gone/],
    [["./main", "main", "--", "etc"], /expected revisions before --.*found the folder \.\/main before it/],
  ]);
});

test("where git is not there, or does not trust the repository, a folder is not taken in its place", async () => {
  using repo = repository();
  cpSync(REFERENCE, join(repo.path, "main"), { recursive: true });
  const none = mkdtempSync(join(tmpdir(), "phx-diff-"));
  try {
    const isElsewhere = ["/usr/local/sbin", "/usr/sbin", "/sbin"].some((folder) =>
      existsSync(join(folder, "git")),
    );
    assert.equal(isElsewhere, false, "git lies where the launcher looks besides PATH");
    await refuse(
      repo.path,
      [
        [
          ["main", "./etc"],
          /Install git, or give two folders\. For the folder of that name write \.\/main\./,
        ],
      ],
      3,
      { PATH: none },
    );
    assert.equal((await diffIn(repo.path, ["./main", "./etc"], { PATH: none })).status, 0);
  } finally {
    rmSync(none, { recursive: true });
  }
  chownSync(repo.path, 65_534, 65_534);
  chownSync(join(repo.path, ".git"), 65_534, 65_534);
  const untrusted =
    /found fatal: detected dubious ownership.*git config --global --add safe\.directory \/\S+', or run phx as its owner/;
  await refuse(
    repo.path,
    [
      [["main", "./etc"], untrusted],
      [["main..HEAD", "--", "etc"], untrusted],
      [["main", "--", "etc"], untrusted],
    ],
    3,
  );
});

test("a tag of a branch's name is not taken for it", async () => {
  using repo = repository();
  repo.git("checkout", "-qb", "work");
  repo.write(open);
  repo.git("commit", "-qam", "two");
  repo.git("tag", "main", "work");
  await refuse(repo.path, [
    [
      ["main..work", "--", "etc"],
      /revision main: expected one commit, found more than one of that name\. .*heads\//,
    ],
  ]);
  assert.equal((await diffIn(repo.path, ["heads/main..work", "--", "etc"])).status, 1);
});

test("a folder of the change that looks like a bare repository answers nothing", async () => {
  using repo = repository();
  const bare = join(repo.path, "etc", "trap");
  repo.git("clone", "-q", "--bare", ".", bare);
  await refuse(bare, [[["main..main", "--", "etc"], /cannot use bare repository.*GIT_DIR=\. phx diff/]], 3);
  await agree(bare, [["main..main", "--", "etc"]], { ...PLAIN, GIT_DIR: "." } as typeof PLAIN);
  await refuse(bare, [[["main", "--", "etc"], /expected a working tree, found none: a bare repository/]], 2, {
    ...PLAIN,
    GIT_DIR: ".",
  });
});

test("a worktree, a clone of the last commit, names of every kind", async () => {
  using repo = repository();
  const beside = `${repo.path}-beside`;
  const shallow = `${repo.path}-shallow`;
  try {
    repo.git("worktree", "add", "-q", beside, "-b", "beside");
    await agree(beside, [
      ["main", "--", "etc"],
      ["main..HEAD", "--", "etc"],
    ]);
    for (const name of ["rel/1.0", "v1-β", "it's", "$(touch trap)", "a;b|c", "é\u202e", "main-x"]) {
      const tag = name.replaceAll(" ", "");
      repo.git("tag", tag);
      const said = await diffIn(repo.path, [tag, "HEAD", "--", "etc"]);
      assert.deepEqual([said.status, said.stderr], [0, ""], tag);
      assert.doesNotMatch(said.stdout, /\u202e/);
    }
    repo.git("checkout", "-qb", "apart");
    repo.git("commit", "-qm", "two", "--allow-empty");
    repo.git("clone", "-q", "--depth", "1", `file://${repo.path}`, shallow);
    await refuse(shallow, [
      [["HEAD~1..HEAD", "--", "etc"], /HEAD~1: expected a commit, found none.*a shallow clone has only/],
    ]);
    repo.git("checkout", "-q", "--orphan", "alone");
    repo.git("commit", "-qm", "alone");
    await refuse(repo.path, [
      [["main...alone", "--", "etc"], /main\.\.\.alone: expected a commit that both come from, found none/],
    ]);
    await agree(repo.path, [["main..alone", "--", "etc"]]);
  } finally {
    for (const path of [beside, shallow]) rmSync(path, { recursive: true, force: true });
  }
});

test("a clone without its files' contents says so, and fetches nothing", async () => {
  using repo = repository();
  const partial = `${repo.path}-partial`;
  try {
    repo.git("config", "uploadpack.allowFilter", "true");
    repo.git("clone", "-q", "--no-checkout", "--filter=blob:none", `file://${repo.path}`, partial);
    await refuse(
      partial,
      [[["HEAD..HEAD", "--", "etc"], /could not fetch.*git fetch --refetch --no-filter/]],
      3,
    );
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
});

test("links and submodules are told, and never read through: of revisions, the working tree, folders", async () => {
  using repo = repository();
  const link = (target: string, name: string) => {
    rmSync(join(repo.path, name), { recursive: true, force: true });
    symlinkSync(target, join(repo.path, name));
  };
  writeFileSync(join(repo.path, ".git", "token"), "ghs_secret");
  for (const target of ["/etc/passwd", "../.git/token"]) {
    link(target, FILE);
    const found = new RegExp(`found a symbolic link to ${target}\\. Put what it names in its place`);
    await refuse(repo.path, [
      [["HEAD", "--", "etc"], found],
      [["HEAD", "--", "."], found],
      [["HEAD:etc", "./etc"], found],
    ]);
  }
  renameSync(join(repo.path, "etc"), join(repo.path, "real"));
  link(REFERENCE, "etc");
  await refuse(repo.path, [
    [["HEAD", "--", "etc"], /HEAD the working tree:etc: .*expected a folder, found a symbolic link to/],
  ]);
  repo.git("add", "-A");
  repo.git("commit", "-qm", "a folder that is a link");
  await refuse(repo.path, [[["HEAD~1..HEAD", "--", "etc"], /expected a folder, found a symbolic link to/]]);
  repo.git("rm", "-qr", "--cached", "etc");
  repo.git("update-index", "--add", "--cacheinfo", `160000,${"1".repeat(40)},etc`);
  repo.git("commit", "-qm", "a submodule");
  await refuse(repo.path, [
    [["HEAD~2..HEAD", "--", "etc"], /found a submodule: its files are another repository's/],
    [["HEAD..HEAD~2", "--", "etc/below"], /found the submodule etc on the way/],
  ]);
});

test("rules behind a link are not as if they were not", async () => {
  using repo = repository();
  const pve = join(repo.path, "pve");
  mkdirSync(join(pve, "firewall"), { recursive: true });
  writeFileSync(join(pve, "cluster.fw"), "[OPTIONS]\nenable: 1\n");
  writeFileSync(join(pve, "firewall", "host.fw"), "[RULES]\nIN ACCEPT -p tcp -dport 1\n");
  repo.git("add", ".");
  repo.git("commit", "-qm", "proxmox");
  renameSync(join(pve, "firewall"), join(repo.path, "rules"));
  symlinkSync("../rules", join(pve, "firewall"));
  repo.git("add", "-A");
  repo.git("commit", "-qm", "linked");
  const found = /firewall: expected a folder, found a symbolic link to \.\.\/rules/;
  await refuse(repo.path, [
    [["HEAD~1..HEAD", "--", "pve"], found],
    [["HEAD~1", "--", "pve"], found],
  ]);
});

test("a side without the path, an empty tree, and a file beyond every bound", async () => {
  using repo = repository();
  const empty = execFileSync(
    "git",
    ["commit-tree", "4b825dc642cb6eb9a060e54bf8d69288fbee4904", "-m", "empty"],
    {
      cwd: repo.path,
      input: "",
      encoding: "utf8",
      env: {
        ...process.env,
        GIT_AUTHOR_NAME: "t",
        GIT_AUTHOR_EMAIL: "t@t",
        GIT_COMMITTER_NAME: "t",
        GIT_COMMITTER_EMAIL: "t@t",
      },
    },
  ).trim();
  repo.git("mv", "etc", "moved");
  repo.git("commit", "-qm", "moved");
  await refuse(repo.path, [
    [["HEAD~1..HEAD", "--", "etc"], /^phx: HEAD HEAD .*found nothing: the revision has no such path/],
    [["HEAD~1..HEAD", "--", "moved"], /^phx: BASE HEAD~1 .*found nothing: the revision has no such path/],
    [["HEAD~1", "--", "etc"], /^phx: HEAD the working tree:etc: .*found nothing/],
    [[empty, "HEAD"], /^phx: BASE [0-9a-f]{12}: .*found an empty folder/],
  ]);
  await agree(repo.path, [["HEAD~1..HEAD"], ["HEAD~1:etc", "HEAD:moved"]]);
  writeFileSync(join(repo.path, "moved/phoenix_vm_configs.json"), Buffer.alloc(33 * 2 ** 20, " "));
  repo.git("commit", "-qam", "large");
  await refuse(repo.path, [[["HEAD~1..HEAD"], /expected at most 32 MiB, found 33 MiB/]]);
});

test("what a change says of attributes and filters runs nothing and changes no byte", async () => {
  using repo = repository();
  const trap = join(repo.path, "trap");
  const script = join(repo.path, ".git", "script");
  writeFileSync(script, `#!/bin/sh\ntouch ${trap}\ncat\n`);
  chmodSync(script, 0o755);
  for (const key of [
    "filter.t.smudge",
    "filter.t.clean",
    "filter.t.process",
    "diff.t.textconv",
    "core.fsmonitor",
  ])
    repo.git("config", key, script);
  repo.git("config", "core.hooksPath", join(repo.path, "hooks"));
  repo.git("config", "core.autocrlf", "true");
  mkdirSync(join(repo.path, "hooks"));
  for (const hook of ["post-checkout", "reference-transaction", "post-index-change"])
    cpSync(script, join(repo.path, "hooks", hook));
  writeFileSync(
    join(repo.path, ".gitattributes"),
    "* filter=t diff=t text eol=crlf working-tree-encoding=UTF-16\n",
  );
  await agree(repo.path, [["HEAD", "--", "etc"], ["HEAD..HEAD"], ["HEAD...HEAD"]]);
  assert.equal(existsSync(trap), false);
});

test("a checkout with the servers' own files is read of a revision as of a folder, its keys are not", async () => {
  using repo = repository();
  const operator = new URL("../fixtures/estates/operator-right", import.meta.url).pathname;
  cpSync(operator, join(repo.path, "etc"), { recursive: true, verbatimSymlinks: true });
  writeFileSync(join(repo.path, "etc/nginx/private.key"), "no key of ours");
  repo.git("add", "-A");
  repo.git("commit", "-qm", "the servers' own files");
  repo.git("commit", "-qm", "nothing", "--allow-empty");
  for (const args of [["main~1..main"], ["main~1", "./etc"]]) {
    const { status, stdout, stderr } = await diffIn(repo.path, args, PLAIN);
    assert.deepEqual([status, stderr], [0, ""]);
    assert.match(stdout, SAME);
  }
});
