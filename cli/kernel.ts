import { existsSync, readFileSync } from "node:fs";
import { command } from "../components/command.ts";
import { HarnessError } from "../errors.ts";

/** Something that a lab asks of the kernel, the module that holds it, and whether a try of it worked. */
export interface Feature {
  readonly name: string;
  readonly module: string;
  readonly state: "present" | "missing" | "unknown";
  /** What the try said, where it failed. */
  readonly detail: string;
}

interface Trial {
  readonly name: string;
  readonly module: string;
  readonly script: string;
}

/** iptables' own loader is set to a program that loads nothing: a try shows what is, it does not make it so. */
const LEGACY = "iptables-legacy --wait --modprobe=/bin/false";

/** In this order: a later try uses the links and the set of an earlier one. */
const TRIALS: readonly Trial[] = [
  { name: "veth", module: "veth", script: "ip link add phx0 type veth peer name phx1" },
  { name: "bridge", module: "bridge", script: "ip link add phxbr0 type bridge" },
  {
    name: "br_netfilter",
    module: "br_netfilter",
    script: "cat /proc/sys/net/bridge/bridge-nf-call-iptables",
  },
  { name: "iptables-legacy filter", module: "iptable_filter", script: `${LEGACY} -t filter -L INPUT -n` },
  { name: "REJECT", module: "ipt_REJECT", script: `${LEGACY} -A INPUT -j REJECT` },
  { name: "MARK", module: "xt_mark", script: `${LEGACY} -A INPUT -j MARK --set-mark 1` },
  { name: "addrtype", module: "xt_addrtype", script: `${LEGACY} -A INPUT -m addrtype --dst-type BROADCAST` },
  {
    name: "multiport",
    module: "xt_multiport",
    script: `${LEGACY} -A INPUT -p tcp -m multiport --dports 80,443`,
  },
  {
    name: "conntrack",
    module: "xt_conntrack",
    script: `${LEGACY} -A INPUT -m conntrack --ctstate ESTABLISHED`,
  },
  {
    name: "physdev",
    module: "xt_physdev",
    script: `${LEGACY} -A FORWARD -m physdev --physdev-is-bridged --physdev-in phx0`,
  },
  { name: "iptables-legacy nat", module: "iptable_nat", script: `${LEGACY} -t nat -L PREROUTING -n` },
  {
    name: "REDIRECT",
    module: "xt_REDIRECT",
    script: `${LEGACY} -t nat -A PREROUTING -p tcp -j REDIRECT --to-ports 1`,
  },
  { name: "ip_set hash:net", module: "ip_set_hash_net", script: "ipset create phx hash:net" },
  { name: "xt_set", module: "xt_set", script: `${LEGACY} -A INPUT -m set --match-set phx src` },
];

/**
 * Tries each feature in a network and mount namespace that is gone afterwards: nothing of the root namespace changes,
 * no packet is sent. (A kernel with modules may load one when it is tried, as at any use.) Without root: all unknown.
 */
export async function tryKernel(): Promise<Feature[]> {
  if (process.getuid?.() !== 0)
    return TRIALS.map((trial) => feature(trial, "unknown", "only root can try it"));
  const script = TRIALS.map(({ script }) => `said=$(${script} 2>&1); echo $? $said`).join("\n");
  const namespace = ["--net", "--mount", "--propagation", "private"];
  const { status, stdout, stderr } = await command("unshare", [...namespace, "sh", "-c", script]);
  const lines = stdout.split("\n");
  return TRIALS.map((trial, index) => {
    if (status !== 0) return feature(trial, "missing", stderr.trim());
    const [exit, ...said] = (lines[index] ?? "").split(" ");
    return feature(trial, EXIT_STATES[exit ?? ""] ?? "missing", exit === "0" ? "" : said.join(" "));
  });
}

/** 127: the tool to try it with is not installed, which says nothing about the kernel. */
const EXIT_STATES: Readonly<Record<string, Feature["state"]>> = { 0: "present", 127: "unknown" };

function feature({ name, module }: Trial, state: Feature["state"], detail: string): Feature {
  return { name, module, state, detail };
}

/** Loads the modules of what is missing, where the kernel has modules at all. Returns those that were loaded. */
export async function loadModules(missing: readonly Feature[]): Promise<string[]> {
  if (!existsSync("/proc/modules")) return [];
  const loaded: string[] = [];
  for (const { module } of missing) {
    if ((await command("modprobe", [module])).status === 0) loaded.push(module);
  }
  return loaded;
}

/** capabilities(7): the bit of CAP_NET_RAW. */
const NET_RAW = 13n;

/** Throws `capability-missing` where this process may open no raw socket, as a container's root may not. */
export function requireRawSockets(): void {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  if ((BigInt(`0x${effective}`) >> NET_RAW) & 1n) return;
  const expected = "CAP_NET_RAW, to send and capture packets";
  throw new HarnessError("capability-missing", { subject: "the process", expected, actual: "none" });
}
