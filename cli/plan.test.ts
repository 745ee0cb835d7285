import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { command } from "../components/command.ts";
import { estateFolder, phx } from "../fixtures/phx.ts";
import { labName } from "../fixtures/network-lab.ts";
import { recordedNames } from "../lab/record.ts";
import { labNameOf } from "./labs.ts";

interface Printed {
  readonly standing: boolean;
  readonly steps: {
    readonly action: string;
    readonly resource: { readonly key: string; readonly content?: unknown };
  }[];
}

test("without a lab and without root all is to be created; contents are told by size and digest", async () => {
  using estate = estateFolder();
  const nobody = ["--reuid", "65534", "--clear-groups", process.execPath, "cli/main.ts"];
  await command("chmod", ["-R", "a+rX", estate.path]);
  const printed = await command("setpriv", [...nobody, "plan", estate.path, "--json"]);
  assert.equal(printed.status, 0, printed.stderr);
  const { standing, steps } = JSON.parse(printed.stdout) as Printed;
  assert.ok(!standing && steps.length > 40 && steps.every(({ action }) => action === "create"));
  const file = steps.find(({ resource }) => resource.key.endsWith("nginx.conf"))?.resource.content;
  assert.deepEqual(Object.keys(file ?? {}), ["bytes", "sha256"]);
  const full = await phx(["plan", estate.path, "--json", "--full"]);
  assert.match(full.stdout, /worker_processes/);
});

test("what the marks mean stands in the help of both verbs that print them", async () => {
  for (const verb of ["plan", "converge"]) {
    const { stdout } = await phx([verb, "--help"]);
    assert.match(
      stdout,
      /\+ create, ~ replace, \^ reload \(the server reads its files again and runs on\), - remove/,
    );
  }
});

test("a lab is named after its estate's folder", () => {
  assert.equal(labNameOf("/a/My Estate_2/"), "my-estate-2");
  assert.equal(labNameOf("/a/estate/__"), "estate");
  assert.equal(labNameOf("/"), "estate");
  assert.equal(labNameOf(`/${"a".repeat(39)}-b`).length, 39);
});

const LXC = "phoenix_lxc_configs.json";
const edit = (name: string, change: (text: string) => string) => (path: string) =>
  writeFileSync(join(path, name), change(readFileSync(join(path, name), "utf8")));

const BAD: [string, (path: string) => void, RegExp][] = [
  ["missing", (path) => rmSync(path, { recursive: true }), /found nothing.*\[estate-missing\]/],
  ["without a file", (path) => rmSync(join(path, LXC)), new RegExp(`${LXC}: .*\\[estate-missing\\]`)],
  ["broken JSON", edit(LXC, (text) => text.slice(0, -2)), new RegExp(`${LXC}:\\d+:\\d+.*\\[json-syntax\\]`)],
  [
    "a key twice",
    edit(LXC, (text) => text.replace('"101": {', '"101": { "name": "Nginx-Phoenix",')),
    new RegExp(`${LXC}:\\d+:\\d+.*name.*\\[json-duplicate-key\\]`),
  ],
  [
    "two gateways",
    edit(LXC, (text) => text.replace(/("features": \[\s*"base_setup",\s*)"vllm"/, '$1"nginx"')),
    new RegExp(`${LXC}:\\d+:\\d+.*\\[role-ambiguous\\]`),
  ],
];

for (const [title, spoil, expected] of BAD) {
  test(`bad input, ${title}: exit 2 with its place, and nothing is built`, async () => {
    const estate = estateFolder();
    spoil(estate.path);
    const name = labName();
    for (const verb of ["plan", "converge"]) {
      const { status, stdout, stderr } = await phx([verb, estate.path, "--lab", name]);
      assert.deepEqual([status, stdout], [2, ""], stderr);
      assert.match(stderr, expected);
    }
    assert.ok(!recordedNames().includes(name));
    rmSync(estate.path, { recursive: true, force: true });
  });
}
