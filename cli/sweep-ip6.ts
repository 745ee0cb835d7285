import { HarnessError } from "../errors.ts";
import type { Lab } from "../lab/lab.ts";
import { runBatches, writeSysctls } from "../lab/network.ts";
import { run } from "../lab/process.ts";
import type { Estate } from "../policy/estate.ts";
import type { Place } from "../policy/flow.ts";
import { ip6Of } from "../policy/ip6.ts";
import { places } from "../policy/place.ts";
import { isIp6 } from "../probes/frame.ts";
import type { PacketProbe } from "../probes/probe.ts";

const NODE = "host";

/** Whether the node is an end of any of these flows over IPv6: its own stack has to know its address then. */
export function needsNode6(pairs: readonly Pick<PacketProbe, "from" | "to" | "dest">[]): boolean {
  return pairs.some(({ from, to, dest }) => isIp6(dest) && [from, to].includes(NODE));
}

/** Throws `usage` for a lab that stands: its node has IPv6 switched off, and a sweep changes nothing there. */
export function refuseNode6({ name }: Lab): never {
  const expected = "the host over IPv6 only in a lab of the sweep's own";
  const remedy = "Give the folder of the files while no lab of it stands, or sweep between guests.";
  const actual = `lab ${name}, whose files declare no IPv6 address and whose node has IPv6 switched off`;
  throw new HarnessError("usage", { subject: "phx sweep", expected, actual, remedy });
}

/**
 * Gives the node of a sweep's own lab its address, and the way to each guest and `lan`, whose stacks have no IPv6 and would
 * not answer who they are. Guests need nothing: what is sent to them is captured at their interface.
 */
export async function openIp6(lab: Lab, estate: Estate): Promise<void> {
  const device = estate.host.bridge;
  writeSysctls(lab, NODE, { [`net/ipv6/conf/${device}/disable_ipv6`]: "0" });
  const others = places(estate).filter(({ id }) => id !== NODE && id !== "wan");
  const neighbours = await Promise.all(
    others.map(
      async ({ id }) => `neigh add ${ip6Of(estate, id)} lladdr ${await macOf(lab, id)} dev ${device}`,
    ),
  );
  const lines = [`addr add ${ip6Of(estate, NODE)}/64 dev ${device} nodad`, ...neighbours];
  await runBatches(lab, [{ namespace: NODE, tool: "ip", lines }]);
}

async function macOf(lab: Lab, place: Place): Promise<string> {
  const text = await run(lab, undefined, ["ip", "-n", place, "-o", "link", "show", "dev", "eth0"]);
  const mac = /link\/ether ([0-9a-f:]{17})/.exec(text)?.[1];
  if (mac !== undefined) return mac;
  throw new HarnessError("lab-gone", {
    subject: `lab ${lab.name}`,
    expected: `eth0 in ${place}`,
    actual: "none",
  });
}
