import { join } from "node:path";
import { suite, test } from "node:test";
import { RuleTester } from "oxlint/plugins-dev";
import plugin from "./import-table.ts";

const FAULTS = 'import { x } from "../errors.ts";';

/** A row each: what its files may say, and what they may not, with the refusal. */
const ROWS: readonly {
  file: string;
  allowed: readonly string[];
  refused: Readonly<Record<string, string>>;
}[] = [
  {
    file: "errors.ts",
    allowed: [],
    refused: {
      'import { z } from "zod";': "errors.ts may not import the package zod",
      'import { join } from "node:path";': "errors.ts may not import the package node:path",
      'import type { Estate } from "./policy/estate.ts";': "errors.ts may not import policy/estate.ts",
    },
  },
  {
    file: "policy/phoenix/field.ts",
    allowed: [
      'import { z } from "zod";',
      'import { parse } from "jsonc-parser";',
      'import { parseAddress } from "../address.ts";',
      'import { HarnessError } from "../../errors.ts";',
    ],
    refused: {
      'import { readFileSync } from "node:fs";': "policy may not import the package node:fs",
      'import net from "net";': "policy may not import the package net",
      'import { Client } from "undici";': "policy may not import the package undici",
      'import type { Lab } from "../../lab/lab.ts";': "policy may not import lab/lab.ts",
      'let lab: import("../../lab/lab.ts").Lab;': "policy may not import lab/lab.ts",
      'await import("../../lab/lab.ts");': "policy may not import lab/lab.ts",
      'export * from "../../probes/flow-key.ts";': "policy may not import probes/flow-key.ts",
      'export { tiny } from "../../fixtures/estates/small.ts";':
        "policy may not import fixtures/estates/small.ts",
    },
  },
  {
    file: "policy/read.ts",
    allowed: ['import { readFileSync } from "node:fs";', 'import { createHash } from "node:crypto";'],
    refused: {
      'import { connect } from "node:net";': "policy/read.ts may not import the package node:net",
      'import { run } from "../lab/process.ts";': "policy/read.ts may not import lab/process.ts",
    },
  },
  {
    file: "policy/read-file.ts",
    allowed: ['import { openSync } from "node:fs";'],
    refused: {
      'import { connect } from "node:net";': "policy/read-file.ts may not import the package node:net",
    },
  },
  {
    file: "policy/decide.test.ts",
    allowed: [
      'import test from "node:test";',
      'import fc from "fast-check";',
      'import { tiny } from "../fixtures/estates/small.ts";',
    ],
    refused: {
      'import { run } from "../lab/process.ts";': "policy may not import lab/process.ts",
      'import { chromium } from "@playwright/test";': "policy may not import the package @playwright/test",
    },
  },
  {
    file: "lab/lab.ts",
    allowed: [FAULTS, 'import { spawn } from "node:child_process";', 'import koffi from "koffi";'],
    refused: {
      'import type { Estate } from "../policy/estate.ts";': "lab may not import policy/estate.ts",
      'import { pin } from "../components/pin.ts";': "lab may not import components/pin.ts",
      'import { z } from "zod";': "lab may not import the package zod",
    },
  },
  {
    file: "components/store.ts",
    allowed: [FAULTS, 'import { rename } from "node:fs/promises";'],
    refused: {
      'import { z } from "zod";': "components may not import the package zod",
      'import { run } from "../lab/process.ts";': "components may not import lab/process.ts",
    },
  },
  {
    file: "converge/plan.ts",
    allowed: ['import { decide } from "../policy/decide.ts";', 'import forge from "node-forge";'],
    refused: {
      'import { run } from "../lab/process.ts";': "converge may not import lab/process.ts",
      'import { pin } from "../components/pin.ts";': "converge may not import components/pin.ts",
      'import type { Run } from "../audit/run.ts";': "converge may not import audit/run.ts",
    },
  },
  {
    file: "converge/apply.ts",
    allowed: ['import { run } from "../lab/process.ts";', 'import { pin } from "../components/pin.ts";'],
    refused: {
      'import { observeTcp } from "../probes/tcp.ts";': "converge/apply.ts may not import probes/tcp.ts",
    },
  },
  {
    file: "probes/packets.ts",
    allowed: ['import { run } from "../lab/process.ts";', 'import type { Flow } from "../policy/flow.ts";'],
    refused: {
      'import { decide } from "../policy/decide.ts";':
        "probes may import only types (import type) of policy/decide.ts",
      'import { Rule } from "../policy/rule.ts";':
        "probes may import only types (import type) of policy/rule.ts",
      'import { type Flow } from "../policy/flow.ts";':
        "probes may import only types (import type) of policy/flow.ts",
      'import type { Finding } from "../audit/finding.ts";': "probes may not import audit/finding.ts",
    },
  },
  {
    file: "audit/judge.ts",
    allowed: [
      'import { decide } from "../policy/decide.ts";',
      'import { Observation, type PacketOutcome } from "../probes/observation.ts";',
      'import type { Counters } from "../probes/counters.ts";',
      'import { foldFlowKeys } from "../probes/flow-key.ts";',
    ],
    refused: {
      'import { observeTcp } from "../probes/tcp.ts";':
        "audit may import only types and schemas of probes/tcp.ts",
      'import * as observation from "../probes/observation.ts";':
        "audit may import only types and schemas of probes/observation.ts",
      'import "../probes/observation.ts";':
        "audit may import only types and schemas of probes/observation.ts",
      'import { run } from "../lab/process.ts";': "audit may not import lab/process.ts",
      'import { planOf } from "../converge/plan.ts";': "audit may not import converge/plan.ts",
    },
  },
  {
    file: "mutation/score.ts",
    allowed: ['import { judge } from "../audit/judge.ts";', 'import { apply } from "../converge/apply.ts";'],
    refused: { 'import { observeTcp } from "../probes/tcp.ts";': "mutation may not import probes/tcp.ts" },
  },
  {
    file: "reports/html/page.ts",
    allowed: [
      'import { Run } from "../../audit/run.ts";',
      'export { Finding } from "../../audit/finding.ts";',
      'import type { Estate } from "../../policy/estate.ts";',
      'import { countFlows } from "../../probes/flow-key.ts";',
      'import { escape } from "../text.ts";',
    ],
    refused: {
      'import { summarize } from "../../audit/run.ts";':
        "reports may import only types and schemas of audit/run.ts",
      'export { summarize as Summary } from "../../audit/run.ts";':
        "reports may import only types and schemas of audit/run.ts",
      'import { decide } from "../../policy/decide.ts";':
        "reports may import only types and schemas of policy/decide.ts",
      'import { run } from "../../lab/process.ts";': "reports may not import lab/process.ts",
    },
  },
  {
    file: "reports/reporter.ts",
    allowed: ['import { Run, summarize } from "../audit/run.ts";'],
    refused: {
      'import { judge } from "../audit/judge.ts";':
        "reports/reporter.ts may import only types and schemas of audit/judge.ts",
    },
  },
  {
    file: "fixtures/test.ts",
    allowed: ['import { test } from "@playwright/test";', 'import { judge } from "../audit/judge.ts";'],
    refused: {
      'import { render } from "../reports/write.ts";': "fixtures may not import reports/write.ts",
      'import { pin } from "../components/pin.ts";': "fixtures may not import components/pin.ts",
    },
  },
  {
    file: "spec/edge.spec.ts",
    allowed: ['import { expect, test } from "../fixtures/test.ts";'],
    refused: {
      'import { judge } from "../audit/judge.ts";': "spec may not import audit/judge.ts",
      'import type { Lab } from "../lab/lab.ts";': "spec may not import lab/lab.ts",
    },
  },
  {
    file: "cli/verify.ts",
    allowed: ['import { judge } from "../audit/judge.ts";', 'import { pin } from "../components/pin.ts";'],
    refused: {
      'import { small } from "../fixtures/estates/small.ts";': "cli may not import fixtures/estates/small.ts",
      'import "../spec/edge.spec.ts";': "cli may not import spec/edge.spec.ts",
      'import { anchor } from "../bench/decide.ts";': "cli may not import bench/decide.ts",
    },
  },
  {
    file: "bench/verify.ts",
    allowed: ['import { decide } from "../policy/decide.ts";'],
    refused: { 'import "../spec/edge.spec.ts";': "bench may not import spec/edge.spec.ts" },
  },
  { file: "utils/pad.ts", allowed: [], refused: { [FAULTS]: "utils has no row in import-table.ts" } },
];

RuleTester.describe = (title, body) => void suite(title, body);
RuleTester.it = (title, body) => void test(title, body);

const tester = new RuleTester({ languageOptions: { sourceType: "module", parserOptions: { lang: "ts" } } });
for (const { file, allowed, refused } of ROWS) {
  const filename = join(import.meta.dirname, file);
  tester.run(file, plugin.rules["import-table"], {
    valid: allowed.map((code) => ({ code, filename })),
    invalid: Object.entries(refused).map(([code, message]) => ({ code, filename, errors: [{ message }] })),
  });
}
