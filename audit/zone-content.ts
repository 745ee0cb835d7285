import type { Observations } from "./control.ts";
import type { RecordProbe } from "../probes/probe.ts";

/** The whole zones of the lab's name servers, read as their own files and held against their logs. */
export const ZONES: RecordProbe = { kind: "record", id: "record zones", from: "host", record: "zones" };

interface ZoneRecord {
  readonly name: string;
  readonly ttlSeconds: number;
  readonly type: string;
  readonly value: string;
  /** `host internal.test`, for a sentence. */
  readonly text: string;
}

/** A view of a name server: `host/internal`. */
export interface ViewContent {
  readonly zones: readonly { readonly name: string; readonly serial: string }[];
  readonly records: readonly ZoneRecord[];
}

/** What was read of a view; or why nothing of it is known: not read, or changed since the server loaded it. */
export function contentOf(seen: Observations, view: string): ViewContent | string {
  const { outcome, reason, facts } = seen.service(ZONES.id);
  if (outcome !== "answered") return reason ?? "the zones were not read";
  const place = view.slice(0, view.indexOf("/") + 1);
  const stale = linesOf(facts["stale"]).find((line) => [view, place].includes(line.split(" ")[0] ?? ""));
  if (stale) return stale.slice(stale.indexOf(" ") + 1);
  const of = (key: string) =>
    linesOf(facts[key]).flatMap((line) => (line.startsWith(`${view} `) ? [line.slice(view.length + 1)] : []));
  const zones = of("zones").map((line) => {
    const [name = "", serial = ""] = line.split(" ");
    return { name, serial };
  });
  return zones.length ? { zones, records: of("records").map(recordOf) } : `no view ${view} was found`;
}

function recordOf(line: string): ZoneRecord {
  const [name = "", ttl, type = "", ...value] = line.split(" ");
  const text = `${name} ${type} ${value.join(" ")}`;
  return { name: name.toLowerCase(), ttlSeconds: Number(ttl), type, value: value.join(" "), text };
}

function linesOf(fact: unknown): readonly string[] {
  return Array.isArray(fact) ? (fact as string[]) : [];
}
