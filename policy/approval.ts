import { z } from "zod";
import { DEVIATIONS } from "./diff/astray.ts";
import { parseFlows } from "./diff/flow-parse.ts";
import { errorOf } from "./fault.ts";
import type { Position } from "./estate.ts";
import { GuestId, Text } from "./phoenix/field.ts";
import { isRefused, validate } from "./phoenix/validate.ts";
import { parseSource, positionOf } from "./source.ts";

/** Waivers and approvals, beside the files that they are about. */
export const CONFORMANCE_FILE = "conformance.json";

const Words = Text.regex(/\S/, "some text").max(2000, "text of at most 2,000 characters");

/** The instant from which it holds no more, in UTC; a date alone is its first. */
const Expiry = z
  .union([z.iso.date(), z.iso.datetime()], "a date, 2027-01-31, or an instant in UTC, 2027-01-31T12:00:00Z")
  .transform((text) => new Date(text).toISOString());

/** Who answers for an exception, why, where it is followed up, and until when. */
const Governed = { owner: Words, reason: Words, ticket: Words, expires: Expiry } as const;

/** A place by its id, a guest with its name too: `wan`, `lan`, `host`, `102`, `100i1`, `102 (traefik)`. What stands for many is
 * read, and covers nothing. */
const PlaceWord = Text.regex(
  /^(?:wan|outside|lan|host|[1-9]\d{2,8}(?:i\d{1,2})?(?: \(.*\))?|\*|any|all)$/,
  "wan, outside, lan, host or a guest's id, as 102 or 102 (traefik)",
);

const Flows = Text.refine(
  (text) => parseFlows(text) !== undefined,
  "flows as phx diff prints them, e.g. tcp 8000-8010 from 10.0.0.0/24 except 10.0.0.12",
);

/** A permission for flows to become allowed. */
const Approval = z.strictObject({
  from: z.union([PlaceWord, z.array(PlaceWord).min(1)], "a place, or a list of places"),
  to: z.union([PlaceWord, z.array(PlaceWord).min(1)], "a place, or a list of places"),
  flows: z.array(Flows).min(1, "at least one flow"),
  /** Without it packets are meant as their sender sends them; else those alone that are not so in this. */
  deviation: z.enum(DEVIATIONS).optional(),
  ...Governed,
});
type Approval = z.infer<typeof Approval>;

/** A permission for a control to fail, of the whole estate or of one guest. */
const Waiver = z.strictObject({
  control: Text.regex(/^[A-Z]+-\d{3}$/, "a control's id, e.g. FW-002"),
  guest: GuestId.optional(),
  ...Governed,
});
type Waiver = z.infer<typeof Waiver>;

const Conformance = z.strictObject({
  approvals: z.array(Approval).optional(),
  waivers: z.array(Waiver).optional(),
});

/** What the file holds, each with its place. */
export interface Exceptions {
  readonly approvals: readonly (Approval & { readonly position: Position })[];
  readonly waivers: readonly (Waiver & { readonly position: Position })[];
}

/**
 * The file's waivers and approvals. Pure.
 * @throws HarnessError or HarnessErrors (exit 2) with every place where it is no such file.
 */
export function parseConformance(text: string, file: string = CONFORMANCE_FILE): Exceptions {
  const source = parseSource(file, text);
  if (isRefused(source)) throw errorOf(source);
  const value = validate(source, Conformance);
  if (isRefused(value)) throw errorOf(value);
  const { approvals = [], waivers = [] } = value;
  return {
    approvals: approvals.map((each, index) => ({
      ...each,
      position: positionOf(source, ["approvals", index]),
    })),
    waivers: waivers.map((each, index) => ({ ...each, position: positionOf(source, ["waivers", index]) })),
  };
}
