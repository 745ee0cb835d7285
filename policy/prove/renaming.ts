import type { Estate } from "../estate.ts";
import { absolute, isDirectlyIn } from "../zone.ts";
import { guestById } from "./owners.ts";
import type { Mending } from "./proof.ts";

/**
 * For a routed name that has more than one label before the internal zone, so that Step-CA certifies none like it: the name
 * that the guest's only other record has. Undefined where the name is no guest's own, or there is not just one such record.
 */
export function renamingOf(estate: Estate, hostname: string): Mending | undefined {
  const { dns, routes, guests } = estate;
  const zone = dns.internalZone;
  const route = routes.find((each) => each.hostname === hostname);
  const guest = route && guestById(estate, route.guestId);
  if (!guest || isDirectlyIn(hostname, zone) || absolute(guest.name.toLowerCase(), zone) !== hostname)
    return undefined;
  const taken = new Set([
    ...routes.map((each) => each.hostname),
    ...guests.map(({ name }) => absolute(name.toLowerCase(), zone)),
  ]);
  const [record, ...others] = dns.internal.filter(
    ({ name, address }) => address === guest.address && isDirectlyIn(name, zone) && !taken.has(name),
  );
  if (!record || others.length > 0) return undefined;
  const name = record.name.slice(0, -zone.length - 1);
  const { file, pointer } = guest.position;
  return {
    remedy: `Call the guest ${name}, as its record does.`,
    patch: [{ file, op: "replace", path: `${pointer}/name`, value: name }],
  };
}
