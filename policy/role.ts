import type { Position, Role } from "./estate.ts";
import type { Fault } from "./fault.ts";
import { at, type Declaration } from "./files.ts";

type Sole = Exclude<Role, "backend">;

const FUNCTIONS: Record<Sole, { readonly title: string; readonly pattern: RegExp }> = {
  gateway: { title: "Nginx", pattern: /(^|-)nginx(-|$)/ },
  mesh: { title: "Traefik", pattern: /(^|-)traefik(-|$)/ },
  ca: { title: "Step-CA", pattern: /(^|-)step-?ca(-|$)/ },
};

/**
 * Who is Nginx, Traefik and Step-CA: by declared function, never by number. Each exactly once, or a fault; `nowhere` is
 * the place of a role that no guest has.
 */
export function assignRoles(
  guests: readonly Declaration[],
  nowhere: Position,
): ReadonlyMap<string, Role> | readonly Fault[] {
  const faults: Fault[] = [];
  const roles = new Map<string, Role>();
  for (const role of ["gateway", "mesh", "ca"] as const) {
    const candidates = guests.filter((guest) => hasFunction(guest, FUNCTIONS[role].pattern));
    const [only, ...others] = candidates;
    if (!only) faults.push(missing(role, guests, nowhere));
    else if (others.length > 0) faults.push(ambiguous(role, candidates));
    else if (roles.has(only.id)) faults.push(twoRoles(only, role, roles.get(only.id)));
    else roles.set(only.id, role);
  }
  return faults.length > 0 ? faults : roles;
}

/** A feature is the whole word (`trusted_ca` and `step_cli` are none); a name has it as one word among others. */
function hasFunction({ value }: Declaration, pattern: RegExp): boolean {
  const exact = (value.features ?? []).some(
    (feature) => pattern.exec(words(feature))?.[0] === words(feature),
  );
  return exact || pattern.test(words(value.name));
}

function words(text: string): string {
  return text.toLowerCase().replace(/[^a-z0-9]+/g, "-");
}

function missing(role: Sole, guests: readonly Declaration[], position: Position): Fault {
  const list = guests.map(title).join(", ");
  return {
    code: "role-missing",
    position,
    expected: `one guest with ${FUNCTIONS[role].title} in its features or name (the ${role})`,
    actual: list ? `none of ${list}` : "no guests",
  };
}

function ambiguous(role: Sole, candidates: readonly Declaration[]): Fault {
  const last = candidates.at(-1) as Declaration;
  return {
    code: "role-ambiguous",
    position: at(last),
    expected: `one guest with ${FUNCTIONS[role].title} in its features or name (the ${role})`,
    actual: candidates.map(title).join(", "),
  };
}

function twoRoles(guest: Declaration, role: Sole, other: Role | undefined): Fault {
  return {
    code: "role-ambiguous",
    position: at(guest),
    expected: "a guest with one role",
    actual: `${title(guest)} as ${other} and ${role}`,
    remedy: "Name one function in the guest's features and name.",
  };
}

function title({ id, value }: Declaration): string {
  return `${id} ${value.name}`;
}
