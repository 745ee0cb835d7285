import { isIcmp } from "../space/cube-text.ts";
import type { Cube } from "../space/cubes.ts";
import type { Conditions } from "../space/packet-space.ts";

/** The packets of a box as conditions. */
export function conditionsOf({ services, macs, protos, ...rest }: Cube): Conditions {
  return {
    ...rest,
    ...(protos && { protos }),
    ...(services && (isIcmp(protos) ? { icmp: services } : { ports: services })),
    ...(macs && { foreignMac: macs[0]?.first === 1 }),
  };
}
