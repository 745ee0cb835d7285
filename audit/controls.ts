import type { Control } from "./control.ts";
import { CONFIGURATION_CONTROLS } from "./controls/configuration.ts";
import { DNS_CONTROLS } from "./controls/dns.ts";
import { DNS_OUTSIDE_CONTROLS } from "./controls/dns-outside.ts";
import { EDGE_CONTROLS } from "./controls/edge.ts";
import { FIREWALL_CONTROLS } from "./controls/firewall.ts";
import { PKI_CONTROLS } from "./controls/pki.ts";
import { RENEWAL_CONTROLS } from "./controls/renewal.ts";
import { ROUTING_CONTROLS } from "./controls/routing.ts";
import { SEGMENTATION_CONTROLS } from "./controls/segmentation.ts";
import { VERIFICATION_CONTROLS } from "./controls/verification.ts";

/** Every control that this version probes, in the catalogue's order. */
export const CONTROLS: readonly Control[] = [
  ...FIREWALL_CONTROLS,
  ...EDGE_CONTROLS,
  ...ROUTING_CONTROLS,
  ...SEGMENTATION_CONTROLS,
  ...PKI_CONTROLS,
  ...RENEWAL_CONTROLS,
  ...VERIFICATION_CONTROLS,
  ...DNS_CONTROLS,
  ...DNS_OUTSIDE_CONTROLS,
  ...CONFIGURATION_CONTROLS,
];

/** The control of that id; a TypeError for one that this version does not probe: a defect of the caller. */
export function controlOf(id: string): Control {
  const found = CONTROLS.find((control) => control.id === id);
  if (!found) throw new TypeError(`no probe for ${id}`);
  return found;
}
