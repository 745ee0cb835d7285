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
 * service is started anew when something changes that it reads at its start alone, and reloads what it can read anew.
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
    if (step.action !== "reload") changed.add(resource.key);
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
  const differs = now.digest !== digestOf(resource);
  if (differs && !takesUp(resource, now.resource))
    return { action: "replace", resource, why: "declared otherwise" };
  if (now.drift !== undefined) return { action: "replace", resource, why: now.drift };
  const read = dependencies(resource).find((key) => changed.has(key));
  if (read !== undefined) return { action: "replace", resource, why: `${read} changes` };
  const again = resource.kind === "service" && resource.reload?.reads.find((key) => changed.has(key));
  if (again) return { action: "reload", resource, why: `${again} changes` };
  return differs ? { action: "reload", resource, why: "declared otherwise" } : undefined;
}

/** Whether what is declared otherwise needs nothing made anew: the same process reads it, the same store has room for it. */
function takesUp(resource: Resource, before: Resource): boolean {
  if (resource.kind === "acme-store" && before.kind === "acme-store")
    return resource.path === before.path && before.names.every((name) => resource.names.includes(name));
  if (resource.kind !== "service" || before.kind !== "service" || !resource.reload) return false;
  return JSON.stringify(processOf(resource)) === JSON.stringify(processOf(before));
}

/** What a service's process was started with. */
function processOf({ reload: _r, ready: _s, after: _a, ...rest }: Extract<Resource, { kind: "service" }>) {
  return rest;
}

/** Keys whose change makes this resource be made anew. */
function dependencies(resource: Resource): readonly string[] {
  switch (resource.kind) {
    case "service":
      return [...resource.reads, `namespace ${resource.namespace}`, `links ${resource.namespace}`];
    case "certificate":
    case "edge-certificate":
    case "acme-store":
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

/** What a step does, for a person: a mark and a word, one width. */
export const MARKS: Readonly<Record<Step["action"], string>> = {
  create: "+ create ",
  replace: "~ replace",
  reload: "^ reload ",
  remove: "- remove ",
};

/** A plan as lines for a person. */
export function printPlan(steps: Plan): string {
  if (steps.length === 0) return "nothing to do: the lab is what the files say\n";
  return steps
    .map(({ action, resource, why }) => `${MARKS[action]} ${resource.key.padEnd(44)} ${why}\n`)
    .join("");
}
