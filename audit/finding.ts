import { z } from "zod";
import { FlowKey } from "../probes/flow-key.ts";
import { FlowTrace } from "../probes/observation.ts";

/** A place in the declaration, with the line itself (secrets already replaced). */
export const Declared = z.object({
  file: z.string(),
  line: z.number().int(),
  column: z.number().int(),
  pointer: z.string(),
  snippet: z.string(),
});
export type Declared = z.infer<typeof Declared>;

export const Result = z.enum(["pass", "fail", "inconclusive", "error", "notrun", "notapplicable"]);
export type Result = z.infer<typeof Result>;

/** Which of the three parties disagree. */
const Disagreement = z.enum(["intent gap", "converge fault", "model fault"]);

/** The four proofs of a denial, each a sentence with its figures; absent while unproved. */
export const Proofs = z.object({
  stimulus: z.string().optional(),
  silence: z.string().optional(),
  drop: z.string().optional(),
  twin: z.string().optional(),
});
export type Proofs = z.infer<typeof Proofs>;

/** A flow that shows why a check is not green: of which observation, and what the model says of its way, hop by hop. */
export const Suspect = z.object({ observation: z.string(), key: FlowKey, path: z.array(z.string()) });
export type Suspect = z.infer<typeof Suspect>;

/** One layer of a request's way: whether it let the request on, what was seen of it, and which of its times it took. */
const Layer = z.object({
  name: z.string(),
  state: z.enum(["passed", "failed", "unknown"]),
  words: z.string(),
  /** In milliseconds; absent where nothing told it. Layer by layer they follow each other. */
  took: z.object({ what: z.string(), ms: z.number() }).optional(),
});

/** The whole way of one name, layer by layer; the first that is not `passed` is where it ends. */
export const Way = z.object({
  url: z.string(),
  layers: z.array(Layer),
  /** Times that hold several layers. */
  spans: z.array(z.object({ what: z.string(), ms: z.number() })),
});
export type Way = z.infer<typeof Way>;

/** One thing that a control looked at: what should be, what was, and by which evidence. */
export const Check = z.object({
  title: z.string(),
  result: Result,
  expected: z.string(),
  observed: z.string(),
  /** One sentence: why this result, and for a failure what to do. */
  reason: z.string().optional(),
  disagreement: Disagreement.optional(),
  proofs: Proofs.optional(),
  declared: Declared.optional(),
  /** What decided where no declared rule did: a default policy, a standing accept. */
  decider: z.string().optional(),
  /** Ids of observations. */
  evidence: z.array(z.string()),
  way: Way.optional(),
  suspect: Suspect.optional(),
  /** The suspect, sent once more and watched; of a long list of checks the first ones have it. */
  trace: FlowTrace.optional(),
});
export type Check = z.infer<typeof Check>;

/** What a control's judge concludes. */
export const Finding = z.object({
  control: z.string(),
  result: Result,
  /** One sentence that stands alone. */
  summary: z.string(),
  checks: z.array(Check),
  /** Set where the statement asks for more than was probed: counts, e.g. `4,970 of 1,179,630 flows`. */
  sampled: z.string().optional(),
  /** Whose configuration of which server it was proved for: the operator's own files, or phx's own template. */
  provedFor: z.array(z.string()).optional(),
  notes: z.array(z.string()).optional(),
  durationMs: z.number().optional(),
});
export type Finding = z.infer<typeof Finding>;
