import assert from "node:assert/strict";
import { test } from "node:test";
import { estateWith, type Files } from "../../fixtures/reference.ts";
import { proveAll } from "./all.ts";
import { mend } from "./mend.ts";
import { patchedEstate } from "./patched-estate.ts";
import type { Violation } from "./proof.ts";

type Change = (files: Files) => void;

interface Told extends Violation {
  readonly control: string;
}

function violationsOf(change: Change): readonly Told[] {
  return proveAll(estateWith(change)).flatMap(({ control, violations }) =>
    violations.map((each) => ({ control, ...each })),
  );
}

function out(dest: string, port: string) {
  return { type: "out", action: "ACCEPT", proto: "tcp", dest, port, comment: "why" };
}

/** A row each: a promise that another control forbids, and what is left of the rule. */
const PROMISES: readonly (readonly [string, Change, string, RegExp])[] = [
  [
    "of another port of Traefik",
    ({ lxc }) => lxc.lxc_configs["901"].firewall.rules.push(out("10.0.0.12", "8006")),
    "remove /lxc_configs/901/firewall/rules/1",
    /^Remove the rule: RTE-001 forbids what it promises\.$/,
  ],
  [
    "of a backend past Traefik",
    ({ lxc }) => lxc.lxc_configs["101"].firewall.rules.push(out("10.0.0.141", "3000")),
    "remove /lxc_configs/101/firewall/rules/2",
    /^Remove the rule: SEG-003 forbids what it promises\.$/,
  ],
  [
    "of two guests, of which one may be reached",
    ({ lxc }) => {
      lxc.lxc_configs["101"].firewall.rules.push(out("10.0.0.12,10.0.0.141", "443"));
    },
    "replace /lxc_configs/101/firewall/rules/2/dest",
    /^Take 10\.0\.0\.141 out of its dest: SEG-003 forbids what it promises\.$/,
  ],
  [
    "of two ports, of which one is open",
    ({ lxc }) => lxc.lxc_configs["101"].firewall.rules.push(out("10.0.0.12", "8006,443")),
    "replace /lxc_configs/101/firewall/rules/2/port",
    /^Take 8006 out of its port: RTE-001 forbids what it promises\.$/,
  ],
];

for (const [title, change, operation, remedy] of PROMISES) {
  test(`a promise ${title} is withdrawn, not kept`, () => {
    const violations = violationsOf(change);
    assert.deepEqual(
      violations.map(({ control, patch }) => [control, patch?.map(({ op, path }) => `${op} ${path}`)]),
      [["SEG-002", [operation]]],
    );
    assert.match(violations[0]?.remedy ?? "", remedy);
  });

  test(`a promise ${title}: one operation mends the estate`, () => {
    const estate = estateWith(change);
    const operations = mend(estate, proveAll);
    assert.equal(operations.length, 1);
    const after = proveAll(patchedEstate(estate, operations));
    assert.deepEqual(
      after.flatMap(({ violations }) => violations),
      [],
    );
  });
}

test("a rule that has its needed source already is narrowed to the port that is needed", () => {
  const [violation, ...others] = violationsOf(({ lxc }) => {
    lxc.lxc_configs["102"].firewall.rules[0].port = "443,8080";
  });
  assert.deepEqual([violation?.control, others], ["RTE-001", []]);
  assert.deepEqual(violation?.patch, [
    {
      file: "phoenix_lxc_configs.json",
      op: "add",
      path: "/lxc_configs/102/firewall/rules/0/port",
      value: "443",
    },
  ]);
});

test("a late rule that lets in too much is not moved: a narrow one is written in front", () => {
  const violations = violationsOf(({ lxc }) => {
    const rules = [
      { type: "in", action: "DROP", proto: "tcp", port: "3000", comment: "shut" },
      { type: "in", action: "ACCEPT", proto: "tcp", port: "3000", dest: "10.0.0.141", comment: "wide" },
    ];
    lxc.lxc_configs["801"].firewall.rules = rules;
  });
  const opened = violations.find(({ control }) => control === "RTE-002");
  assert.deepEqual(
    opened?.patch?.map(({ op, path }) => `${op} ${path}`),
    ["add /lxc_configs/801/firewall/rules/0"],
  );
});

test("what its author alone can say has no patch, and the reason", () => {
  const [violation] = violationsOf(({ lxc }) => delete lxc.lxc_configs["801"].firewall.rules[0].comment);
  assert.equal(violation?.control, "FW-004");
  assert.equal(violation.patch, undefined);
  assert.equal(violation.unpatched, "only who wrote it can say what was meant");
});

test("where all that is tried breaks another control, there is no patch, and it says which", () => {
  const violations = violationsOf(({ host, lxc }) => {
    lxc.lxc_configs["103"].network_config.nameservers = "10.0.0.1";
    host.firewall.global_firewall_rules.pop();
  });
  const asks = violations.find(({ control }) => control === "DNS-004");
  assert.equal(asks?.patch, undefined);
  assert.equal(asks?.unpatched, "what was tried breaks DNS-002");
});
