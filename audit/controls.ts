import type { Control } from "./control.ts";
import { CHANGE_CONTROLS } from "./controls/change.ts";
import { CONFIGURATION_CONTROLS } from "./controls/configuration.ts";
import { DNS_CONTROLS } from "./controls/dns.ts";
import { DNS_ACCESS_CONTROLS } from "./controls/dns-access.ts";
import { DNS_OUTSIDE_CONTROLS } from "./controls/dns-outside.ts";
import { DNS_UPSTREAM_CONTROLS } from "./controls/dns-upstream.ts";
import { EDGE_CONTROLS } from "./controls/edge.ts";
import { EDGE_ABUSE_CONTROLS } from "./controls/edge-abuse.ts";
import { EDGE_FORWARDING_CONTROLS } from "./controls/edge-forwarding.ts";
import { EDGE_TLS_CONTROLS } from "./controls/edge-tls.ts";
import { EGRESS_CONTROLS } from "./controls/egress.ts";
import { FAMILY_CONTROLS } from "./controls/families.ts";
import { FIREWALL_CONTROLS } from "./controls/firewall.ts";
import { NARROW_CONTROLS } from "./controls/narrow.ts";
import { ONLY_CA_CONTROLS } from "./controls/only-ca.ts";
import { PKI_CONTROLS } from "./controls/pki.ts";
import { RENEWAL_CONTROLS } from "./controls/renewal.ts";
import { ROUTING_CONTROLS } from "./controls/routing.ts";
import { ROUTING_HOST_CONTROLS } from "./controls/routing-hosts.ts";
import { ROUTING_LIVE_CONTROLS } from "./controls/routing-live.ts";
import { SEGMENTATION_CONTROLS } from "./controls/segmentation.ts";
import { VERIFICATION_CONTROLS } from "./controls/verification.ts";
import { withOperator } from "./operator.ts";

/** Every control that this version probes, in the catalogue's order. */
export const CONTROLS: readonly Control[] = [
  ...FIREWALL_CONTROLS,
  ...NARROW_CONTROLS,
  ...FAMILY_CONTROLS,
  ...EDGE_CONTROLS,
  ...EDGE_TLS_CONTROLS,
  ...EDGE_FORWARDING_CONTROLS,
  ...EDGE_ABUSE_CONTROLS,
  ...ROUTING_CONTROLS,
  ...ROUTING_HOST_CONTROLS,
  ...ROUTING_LIVE_CONTROLS,
  ...SEGMENTATION_CONTROLS,
  ...EGRESS_CONTROLS,
  ...PKI_CONTROLS,
  ...ONLY_CA_CONTROLS,
  ...RENEWAL_CONTROLS,
  ...VERIFICATION_CONTROLS,
  ...DNS_CONTROLS,
  ...DNS_OUTSIDE_CONTROLS,
  ...DNS_UPSTREAM_CONTROLS,
  ...DNS_ACCESS_CONTROLS,
  ...CONFIGURATION_CONTROLS,
  ...CHANGE_CONTROLS,
].map(withOperator);

/** The control of that id; a TypeError for one that this version does not probe: a defect of the caller. */
export function controlOf(id: string): Control {
  const found = CONTROLS.find((control) => control.id === id);
  if (!found) throw new TypeError(`no probe for ${id}`);
  return found;
}
