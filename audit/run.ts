import { z } from "zod";
import type { Estate } from "../policy/estate.ts";
import { places } from "../policy/place.ts";
import { Observation } from "../probes/observation.ts";
import { ComponentRow } from "./components/row.ts";
import { coverageOf, RuleCoverage } from "./coverage.ts";
import { Finding } from "./finding.ts";
import { LIMITS } from "./limits.ts";
import { matrixOf } from "./matrix.ts";
import { classesAsked, flowsOf } from "./sweep.ts";
import { verdictOf } from "./verdict.ts";

export const Verdict = z.enum(["PASS", "PARTIAL", "FAIL", "INCOMPLETE"]);
export type Verdict = z.infer<typeof Verdict>;

const Severity = z.enum(["critical", "high", "medium", "low"]);

/** A control as the catalogue had it when the run started. */
export const RunControl = z.object({
  id: z.string(),
  title: z.string(),
  severity: Severity,
  /** R1 to R9. */
  requirements: z.array(z.string()),
  statement: z.string(),
  /** `selected`: in scope; `excluded`: implemented, left out by the request; `uncovered`: no probe yet. */
  scope: z.enum(["selected", "excluded", "uncovered"]),
  /** Why it is excluded or uncovered. */
  scopeReason: z.string().optional(),
});
export type RunControl = z.infer<typeof RunControl>;

/** A source and a destination: what the declaration lets through, what the packets did. */
export const Cell = z.object({
  from: z.string(),
  to: z.string(),
  state: z.enum(["open", "denied", "leak", "broken", "unknown", "unprobed"]),
  /** Flow keys that the declaration accepts and packets confirmed, e.g. `tcp/443`. */
  allowed: z.array(z.string()),
  /** Flow keys that are open by one of Proxmox's standing accepts. */
  standing: z.array(z.string()),
  /** Delivered although undeclared. */
  leaked: z.array(z.string()),
  /** Declared, yet not delivered. */
  broken: z.array(z.string()),
  deniedCount: z.number().int(),
  probedCount: z.number().int(),
  evidence: z.array(z.string()),
});
export type Cell = z.infer<typeof Cell>;

/** Everything that a run proved. The one canonical record; each report is rendered from it. */
export const Run = z.object({
  format: z.literal("phoenix-conformance/run/1"),
  id: z.string(),
  /** `verify`, `probe` or `playwright`, and the exact command to repeat it. */
  mode: z.enum(["verify", "probe", "playwright"]),
  command: z.string(),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime(),
  harness: z.object({
    version: z.string(),
    commit: z.string().optional(),
    node: z.string(),
    kernel: z.string(),
  }),
  estate: z.object({
    folder: z.string(),
    digest: z.string(),
    files: z.array(z.object({ name: z.string(), bytes: z.number().int(), sha256: z.string() })),
    leftOut: z.array(z.object({ id: z.string(), name: z.string(), reason: z.string() })),
  }),
  /** What ran: name, version, digest of the binary, where the pin comes from. */
  components: z.array(
    z.object({ name: z.string(), version: z.string(), sha256: z.string(), source: z.string() }),
  ),
  /** Vantage points and guests, in the matrix's order: sources are all of them, destinations those with `destination`. */
  places: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      address: z.string(),
      zone: z.enum(["outside", "lan", "host", "edge", "ingress", "ca", "backends"]),
      destination: z.boolean(),
    }),
  ),
  verdict: z.object({
    word: Verdict,
    exit: z.number().int(),
    /** E.g. `PARTIAL: 23 of 40 controls covered, all conformant; sampled: FW-002, SEG-001`. */
    line: z.string(),
    counts: z.object({
      catalogue: z.number().int(),
      selected: z.number().int(),
      pass: z.number().int(),
      fail: z.number().int(),
      inconclusive: z.number().int(),
      error: z.number().int(),
      notrun: z.number().int(),
      notapplicable: z.number().int(),
    }),
  }),
  controls: z.array(RunControl),
  findings: z.array(Finding),
  matrix: z.array(Cell),
  /** Flows that Proxmox opens by itself and that were seen open: "open by Proxmox, not by your files". */
  standing: z.array(z.string()),
  /** How many flows the sweeps asked, of all that they ask in full; absent where the run sent no packet, and in older runs. */
  flows: z.object({ asked: z.number().int(), of: z.number().int() }).optional(),
  /** The same of packet classes, forged sources left out. */
  classes: z.object({ covered: z.number().int(), of: z.number().int() }).optional(),
  /** Which declared rules the packet probes exercised; absent where the run sent none, and in runs of older versions. */
  coverage: z.array(RuleCoverage).optional(),
  /** What the lab has in place of something that the operator's own files name; absent where the checkout carries none. */
  mapping: z
    .array(z.object({ server: z.string(), what: z.string(), becomes: z.string(), why: z.string() }))
    .optional(),
  /** The component lists, where they were asked; not part of the controls. */
  componentRows: z.array(ComponentRow).optional(),
  /** Where the lab is not the node, and which controls that touches. */
  limits: z.array(z.object({ text: z.string(), controls: z.array(z.string()) })),
  observations: z.array(Observation),
  /** Where the time went, in order. */
  timings: z.array(z.object({ step: z.string(), durationMs: z.number() })),
  /** The root namespace before, during and after: equal, or what differed. */
  isolation: z.object({ equal: z.boolean(), differences: z.array(z.string()) }),
  /** Faults of the harness during the run; any makes the run INCOMPLETE, exit 3. */
  faults: z.array(z.string()),
});
export type Run = z.infer<typeof Run>;

/** What is known when a run starts. */
export interface OpenRun
  extends Pick<
    Run,
    "id" | "mode" | "command" | "startedAt" | "harness" | "components" | "timings" | "mapping"
  > {
  readonly estate: Estate;
  readonly estateDigest: string;
  /** The whole catalogue; `selected` is what this version implements and the mode allows. */
  readonly controls: readonly RunControl[];
}

/** What is known when it ends. */
export interface RunEnd extends Pick<Run, "endedAt" | "isolation" | "faults" | "timings"> {
  /** Ids of the controls in scope, fixed before the first probe. */
  readonly planned: readonly string[];
  readonly findings: readonly Finding[];
  /** The lab did not last as long as the run: what failed then says nothing about the network. */
  readonly labEnded: boolean;
  readonly observations: readonly Observation[];
  readonly componentRows?: readonly ComponentRow[] | undefined;
}

/** Closes a run: its scope, matrix and verdict, from what was planned, found and observed. */
export function closeRun(open: OpenRun, end: RunEnd): Run {
  const { estate, estateDigest, timings: before, controls: catalogue, ...kept } = open;
  const { planned, timings, isolation, endedAt } = end;
  const controls = catalogue.map((control) => scoped(control, planned));
  const selected = controls.filter(({ scope }) => scope === "selected");
  const findings = selected
    .flatMap(({ id }) => end.findings.filter(({ control }) => control === id))
    .map((finding) => (end.labEnded ? withoutLab(finding) : finding));
  const faults = [
    ...end.faults,
    ...(end.labEnded ? ["the lab ended before the run did: a process of it, or phx, was killed"] : []),
    ...(isolation.equal ? [] : ["the root namespace did not stay as it was"]),
  ];
  const matrix = matrixOf(estate, end.observations);
  const { folder, files, leftOut, operator } = estate;
  return {
    format: "phoenix-conformance/run/1",
    ...kept,
    endedAt,
    estate: {
      folder,
      digest: estateDigest,
      files: [...files, ...(operator?.files ?? [])].map(({ name, bytes, sha256 }) => ({
        name,
        bytes,
        sha256,
      })),
      leftOut: [...leftOut],
    },
    places: [...places(estate)],
    verdict: verdictOf(controls, findings, faults, end.componentRows),
    controls,
    findings,
    matrix,
    standing: matrix.flatMap(({ from, to, standing }) => standing.map((key) => `${from} > ${to} ${key}`)),
    ...sentBy(estate, end.observations),
    ...(end.componentRows ? { componentRows: [...end.componentRows] } : {}),
    limits: LIMITS,
    observations: [...end.observations],
    timings: [...before, ...timings],
    isolation,
    faults,
  };
}

function sentBy(
  estate: Estate,
  observations: readonly Observation[],
): Pick<Run, "coverage" | "flows" | "classes"> {
  const sent = observations.filter((each) => each.kind === "packets");
  if (sent.length === 0) return {};
  const classes = classesAsked(
    estate,
    sent.filter(({ forged }) => !forged),
  );
  return { coverage: coverageOf(estate, observations), flows: flowsOf(sent), classes };
}

function withoutLab(finding: Finding): Finding {
  if (finding.result !== "fail") return finding;
  return {
    ...finding,
    result: "error",
    summary: `the lab ended during the run; before that: ${finding.summary}`,
  };
}

function scoped(control: RunControl, planned: readonly string[]): RunControl {
  if (control.scope !== "selected" || planned.includes(control.id)) return control;
  return { ...control, scope: "excluded", scopeReason: "left out by the request" };
}
