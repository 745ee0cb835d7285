import { describePosition } from "../position.ts";
import type { FirewallRule } from "../proxmox/file.ts";
import type { Nic, Node } from "../proxmox/node.ts";
import { guestOptions } from "../proxmox/options.ts";
import { found, type LintFinding } from "./finding.ts";

/** Guests and their NICs: what nothing filters, and what two of them share. */
export function guestLints(node: Node): readonly LintFinding[] {
  const byGuest = Map.groupBy(node.nics, ({ guestId }) => guestId);
  return [
    ...[...byGuest].flatMap(([id, own]) => unfiltered(node, id, own)),
    ...shared(node.nics, "shared-mac", ({ mac }) => (mac === "" ? [] : [mac])),
    ...shared(node.nics, "shared-address", ({ addresses }) => addresses),
  ];
}

/** A guest without a NIC needs no filter. */
function unfiltered({ guests }: Node, id: string, own: readonly Nic[]): readonly LintFinding[] {
  const file = guests.get(id);
  const [first] = own;
  if (!first) return [];
  if (!file) return [found("unfiltered-guest", first.position, `guest ${id}`, `guest ${id} has no firewall`)];
  if (guestOptions(file).enable) return own.filter(({ flagged }) => !flagged).map(plainNic);
  const option = file.options.get("enable");
  const reason = option ? `enable: ${option.value}` : "enable is absent";
  const { position } = option ?? file;
  return [
    found("unfiltered-guest", position, `guest ${id}`, `the firewall of guest ${id} is off: ${reason}`),
  ];
}

/** Once for all guests: no key of the Phoenix files sets ipfilter, and rules between guests name the sender's address. */
export function forgeableSources({ nics, guests }: Node): readonly LintFinding[] {
  const trusting = nics.filter(({ guestId }) => guests.get(guestId)?.rules.some(isTrusting));
  const [first] = trusting;
  if (!first) return [];
  const message = `${trusting.length} guests have rules that trust a source address, which another guest or a device of the subnet can forge`;
  return [found("forgeable-source", first.position, "the subnet", message)];
}

function isTrusting(rule: FirewallRule): boolean {
  return rule.type === "in" && rule.action === "ACCEPT" && rule.source !== undefined;
}

function plainNic({ guestId, index, position }: Nic): LintFinding {
  const message = `net${index} of guest ${guestId} is not filtered: it has no firewall=1`;
  return found("unfiltered-guest", position, `guest ${guestId} net${index}`, message);
}

function shared(
  nics: readonly Nic[],
  lint: "shared-mac" | "shared-address",
  valuesOf: (nic: Nic) => readonly string[],
): readonly LintFinding[] {
  const first = new Map<string, Nic>();
  return nics.flatMap((nic) =>
    valuesOf(nic).flatMap((value) => {
      const key = `${nic.bridge} ${value.toLowerCase()}`;
      const earlier = first.get(key);
      first.set(key, earlier ?? nic);
      if (!earlier) return [];
      const message = `${title(nic)} and ${title(earlier)} (${describePosition(earlier.position)}) of ${nic.bridge} share ${value}`;
      return [found(lint, nic.position, `${title(nic)} ${value}`, message, { related: [earlier.position] })];
    }),
  );
}

function title({ guestId, index }: Nic): string {
  return `net${index} of guest ${guestId}`;
}
