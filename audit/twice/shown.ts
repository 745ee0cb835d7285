import { z } from "zod";
import { FlowKey } from "../../probes/flow-key.ts";
import { Proofs } from "../finding.ts";

/**
 * What packets showed of something that a difference tells. `shown`: they fared as it says; `refuted`: they did not; `untold`:
 * nobody can tell; `absent`: this side lacks one of the places, so that there is nobody to ask.
 */
const Showing = z.enum(["shown", "refuted", "untold", "absent"]);

/** What the flows of one pair did on one side. */
export const SideShown = z.object({
  result: Showing,
  /** `2 of 2 refused`, and what became of them: `dropped tcp/8080-8081`. */
  observed: z.string(),
  /** Why it is not `shown`. */
  reason: z.string().optional(),
  proofs: Proofs.optional(),
  /** What decided the flows of the change, by the model: `101.fw:5:1 IN ACCEPT -p tcp`. */
  decider: z.string().optional(),
  /** Ids of observations. */
  evidence: z.array(z.string()),
  /** Lines of the node's live table that ended the way of one such packet, sent once more; of the first pairs alone. */
  live: z.array(z.string()).optional(),
  /** Names of capture files in the run's folder, with that packet as it passed each device. */
  frames: z.array(z.string()).optional(),
});
export type SideShown = z.infer<typeof SideShown>;

const ShownPair = z.object({
  from: z.string(),
  to: z.string(),
  /** Address and source of the packets, where they are not the ends' own: `10.0.0.60`. */
  source: z.string(),
  /** Flows of the change that were asked, and those just beside it. */
  inside: z.array(FlowKey),
  border: z.array(FlowKey),
  base: SideShown,
  head: SideShown,
});
export type ShownPair = z.infer<typeof ShownPair>;

/** One change of a difference, and what packets showed of it on both sides. */
export const ShownChange = z.object({
  kind: z.enum(["allowed", "denied", "answer", "responder"]),
  /** `wan, lan -> 801 (grafana)`. */
  way: z.string(),
  flows: z.array(z.string()),
  approved: z.boolean(),
  result: Showing.exclude(["absent"]),
  pairs: z.array(ShownPair),
  /** What of it no packet asked, and why. */
  untested: z.array(z.string()),
});
export type ShownChange = z.infer<typeof ShownChange>;
