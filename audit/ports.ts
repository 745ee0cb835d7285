import type { Estate, Rule } from "../policy/estate.ts";

/** Ports that an estate is asked for whether it declares them or not: the node's own and the usual mistakes. */
const WELL_KNOWN = [22, 53, 80, 111, 445, 2049, 3128, 5900, 8000, 8006, 8080, 9000, 9001];

/** Every port that a rule or a route names; of a range its first and last. */
export function declaredPorts(estate: Estate): number[] {
  const rules = [
    ...estate.host.firewall.rules,
    ...estate.guests.flatMap(({ firewall }) => firewall?.rules ?? []),
  ];
  const all = [...rules.flatMap(portsOf), ...estate.routes.map(({ port }) => port), estate.ca.port];
  return [...new Set(all)].sort((a, b) => a - b);
}

/** Declared ports, and those that are asked whether they are declared or not. */
export function namedPorts(estate: Estate): number[] {
  return [...new Set([...declaredPorts(estate), ...WELL_KNOWN])].sort((a, b) => a - b);
}

function portsOf({ port }: Rule): number[] {
  return (port ?? "")
    .split(/[,:]/)
    .map(Number)
    .filter((each) => Number.isInteger(each) && each > 0);
}
