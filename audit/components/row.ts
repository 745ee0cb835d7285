import { z } from "zod";
import type { Asked } from "../../probes/acme/rows.ts";

/** A component deviates from its standard, and is expected to: what the standard asks, and where that is known. */
const Pinned = z.object({
  asks: z.string(),
  /** Issue or change of the component's project, or the file of its source that does so. */
  upstream: z.string(),
});
type Pinned = z.infer<typeof Pinned>;

/**
 * A row of a component's list, judged: `drift` where it behaves otherwise than expected, also where it now does what its
 * standard asks and a deviation was pinned.
 */
export const ComponentRow = z.object({
  id: z.string(),
  component: z.enum(["step-ca", "traefik", "nginx", "phx", "bind"]),
  list: z.enum(["server", "validator", "responder", "name server"]),
  /** `RFC 8555 section 6.5`. */
  rfc: z.string(),
  requirement: z.string(),
  expected: z.string(),
  observed: z.string(),
  result: z.enum(["pass", "drift", "inconclusive"]),
  pinned: Pinned.optional(),
  /** Why it is inconclusive. */
  reason: z.string().optional(),
});
export type ComponentRow = z.infer<typeof ComponentRow>;

/** What a component is expected to do; its id is that of what is asked. */
export type Expectation = Omit<ComponentRow, "observed" | "result" | "reason">;

/** Holds what was seen against what is expected; what was not asked is inconclusive. A TypeError for a row without expectation. */
export function judgeRows(expected: readonly Expectation[], asked: readonly Asked[]): ComponentRow[] {
  const seen = new Map(asked.map((each) => [each.id, each]));
  const judged = expected.map((row) => judge(row, seen.get(row.id)));
  const known = new Set(expected.map(({ id }) => id));
  const others = asked.filter(({ id }) => !known.has(id)).map(({ id }) => id);
  if (others.length > 0) throw new TypeError(`asked, and nothing is expected of: ${others.join(", ")}`);
  return judged;
}

function judge(row: Expectation, asked: Asked | undefined): ComponentRow {
  if (asked?.observed === undefined) {
    const reason = asked?.reason ?? "it was not asked";
    return { ...row, observed: "", result: "inconclusive", reason };
  }
  const { observed } = asked;
  return { ...row, observed, result: observed === row.expected ? "pass" : "drift" };
}

type Line = readonly [id: string, section: string, requirement: string, expected: string, pinned?: Pinned];

/** Expectations of one component and one standard, a line each. */
export function expectations(
  of: Pick<Expectation, "component" | "list">,
  rfc: string,
  lines: readonly Line[],
): Expectation[] {
  return lines.map(([id, section, requirement, expected, pinned]) => {
    const row = { id, ...of, rfc: `RFC ${rfc} section ${section}`, requirement, expected };
    return pinned ? { ...row, pinned } : row;
  });
}

/** A deviation without an issue that is known: it stands in this file of the source. */
export function inSource(asks: string, file: string): Pinned {
  return { asks, upstream: `no issue known; ${file}` };
}
