import { createHash } from "node:crypto";
import type { Plan, Resource, Step } from "./resource.ts";

/** What a lab holds now, read back from it: by key, the digest of what was applied, and whether it is still so. */
export interface LiveResource {
  readonly resource: Resource;
  readonly digest: string;
  /** Why it no longer is what was applied: a file edited, a process gone, a rule added by hand. */
  readonly drift?: string;
}

/** Digest of a resource's declaration; two resources of one digest are the same. */
export function digestOf(resource: Resource): string {
  return createHash("sha256").update(JSON.stringify(resource)).digest("hex");
}

/**
 * The steps from what is live to what is desired, in the order in which they are done; empty where nothing differs. A
 * service is started anew when something that it reads changes.
 */
export function plan(wanted: readonly Resource[], live: ReadonlyMap<string, LiveResource>): Plan {
  const keys = new Set(wanted.map(({ key }) => key));
  const removed = [...live.values()].filter(({ resource }) => !keys.has(resource.key)).reverse();
  const steps: Step[] = removed.map(({ resource }) => ({
    action: "remove",
    resource,
    why: "no longer declared",
  }));
  const changed = new Set<string>();
  for (const resource of wanted) {
    const step = stepFor(resource, live.get(resource.key), changed);
    if (!step) continue;
    changed.add(resource.key);
    steps.push(step);
  }
  return steps;
}

function stepFor(
  resource: Resource,
  now: LiveResource | undefined,
  changed: ReadonlySet<string>,
): Step | undefined {
  if (!now) return { action: "create", resource, why: "absent" };
  if (now.digest !== digestOf(resource)) return { action: "replace", resource, why: "declared otherwise" };
  if (now.drift !== undefined) return { action: "replace", resource, why: now.drift };
  const read = dependencies(resource).find((key) => changed.has(key));
  return read === undefined ? undefined : { action: "replace", resource, why: `${read} changes` };
}

/** Keys whose change makes this resource be made anew. */
function dependencies(resource: Resource): readonly string[] {
  switch (resource.kind) {
    case "service":
      return [...resource.reads, `namespace ${resource.namespace}`, `links ${resource.namespace}`];
    case "certificate":
      return ["keys"];
    case "file":
      return resource.insert ? ["keys"] : [];
    case "links":
      return ["links fabric", ...resource.create.map(({ namespace }) => `namespace ${namespace}`)];
    case "firewall":
      return [`namespace ${resource.namespace}`];
    case "namespace":
    case "copy":
    case "keys":
      return [];
  }
}

/** A plan as lines for a person. */
export function printPlan(steps: Plan): string {
  if (steps.length === 0) return "nothing to do: the lab is what the files say\n";
  const mark = { create: "+", replace: "~", remove: "-" } as const;
  return steps
    .map(({ action, resource, why }) => `${mark[action]} ${resource.key.padEnd(44)} ${why}\n`)
    .join("");
}
