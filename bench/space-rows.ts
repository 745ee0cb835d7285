import { largeEstate } from "../fixtures/estates/large.ts";
import { generalNode } from "../fixtures/general-node.ts";
import type { Estate } from "../policy/estate.ts";
import type { Node } from "../policy/proxmox/node.ts";
import { proveAll } from "../policy/prove/all.ts";
import { NodeSpace } from "../policy/space/node-space.ts";
import { nodeOfVector } from "../policy/vectors.ts";
import { hardwareOf } from "../policy/world.ts";

/** What one row took, in a process of its own. */
export interface Cost {
  /** CPU seconds of all threads, without what made the input. */
  readonly seconds: number;
  /** The process's peak, the input with it. */
  readonly mib: number;
  readonly words: string;
}

const FAMILIES = [4, 6] as const;

function cost(work: () => string): Cost {
  const before = process.cpuUsage();
  const words = work();
  const { user, system } = process.cpuUsage(before);
  return { seconds: (user + system) / 1e6, mib: process.resourceUsage().maxRSS / 1024, words };
}

/** Every control of an estate that breaks none. */
function prove(guests: number): Cost {
  const estate = largeEstate(guests, 10);
  return cost(() => {
    const proofs = proveAll(estate);
    const violations = proofs.flatMap((each) => each.violations).length;
    if (violations > 0) throw new Error(`${violations} violations where none should be`);
    const pairs = proofs.find(({ control }) => control === "SEG-001")?.space ?? "";
    return `${proofs.length} controls; SEG-001 over ${pairs}`;
  });
}

/** The same of one in which every guest accepts by default: each is a violation of four controls or more. */
function proveOpen(guests: number): Cost {
  const estate = largeEstate(guests, 10);
  const open: Estate = {
    ...estate,
    guests: estate.guests.map(({ firewall, ...guest }) => ({
      ...guest,
      ...(firewall && { firewall: { ...firewall, policyIn: "ACCEPT" } }),
    })),
  };
  return cost(() => `${proveAll(open).flatMap((each) => each.violations).length} violations`);
}

const GROUPS = 200;
const SETS = 500;

/** Ten rules a guest, of which two use a group and two a set, in Proxmox's own files. */
function firewallFiles(guests: number): Readonly<Record<string, string>> {
  const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);
  const sets = numbers(SETS).map((set) => {
    const hosts = numbers(8).map((host) => `10.${set >> 4}.${set % 16}.${host * 3 + 1}`);
    return `[IPSET s${set}]\n${hosts.join("\n")}\n10.${100 + (set % 100)}.0.0/16\n`;
  });
  const groups = numbers(GROUPS).map(
    (group) =>
      `[group g${group}]\nIN ACCEPT -source +s${group} -p tcp -dport ${1000 + group}\nIN DROP -p udp -dport ${2000 + group}\nOUT ACCEPT -p udp -dport 53\n`,
  );
  const rules = (guest: number) => [
    `GROUP g${guest % GROUPS}`,
    `IN ACCEPT -source +s${guest % SETS} -p tcp -dport ${3000 + (guest % 900)}`,
    ...numbers(5).map(
      (rule) => `IN ACCEPT -source 10.0.${guest % 250}.${rule + 1} -p tcp -dport ${4000 + rule}`,
    ),
    `IN DROP -source +s${(guest * 7) % SETS} -p udp -dport ${5000 + (guest % 90)}`,
    `GROUP g${(guest * 3 + 1) % GROUPS}`,
    `OUT DROP -dest 10.9.${guest % 250}.0/24 -p tcp -dport 25`,
  ];
  const own = numbers(guests).map((guest): [string, string] => [
    `${guest + 100}.fw`,
    `[OPTIONS]\nenable: 1\n\n[RULES]\n${rules(guest).join("\n")}\n`,
  ]);
  return {
    "cluster.fw": `[OPTIONS]\nenable: 1\n\n${sets.join("\n")}\n${groups.join("\n")}`,
    ...Object.fromEntries(own),
  };
}

/** What every guest's hops accept, both ways and of both families. */
function compile(guests: number): Cost {
  const lxc = Object.fromEntries(
    Array.from({ length: guests }, (_, guest): [string, { net0: string }] => {
      const mac = [guest >> 8, guest].map((byte) => (byte & 255).toString(16).padStart(2, "0"));
      return [
        `${guest + 100}`,
        { net0: `name=eth0,bridge=vmbr0,firewall=1,hwaddr=52:54:00:00:${mac.join(":")}` },
      ];
    }),
  );
  const hardware = hardwareOf({ qemu: {}, lxc, host_ip: "10.0.0.13", localnet: "10.0.0.0/8" });
  const node = nodeOfVector({ files: firewallFiles(guests) }, hardware);
  const space = new NodeSpace(node);
  return cost(() => {
    for (const family of FAMILIES)
      for (const { place } of node.nics) {
        space.accepted("lan", place, family);
        space.accepted(place, "lan", family);
      }
    const diagrams = FAMILIES.map((family) => space.spaces[family].store.size);
    return `${guests} guests' hops compiled, ${GROUPS} groups, ${SETS} sets; ${diagrams.join(" and ")} diagrams`;
  });
}

/** One guest's way in: what is accepted, and by which line. */
function worst(files: Readonly<Record<string, string>>): Cost {
  const node: Node = generalNode(files);
  const space = new NodeSpace(node);
  return cost(() => {
    const set = space.accepted("outside", "101");
    const deciders = space.byDecider("outside", "101").length;
    return `${set.nodes} nodes, ${deciders} deciders`;
  });
}

function guestFile(rules: readonly string[], sets = ""): Readonly<Record<string, string>> {
  return { "101.fw": `[OPTIONS]\nenable: 1\n${sets}\n[RULES]\n${rules.join("\n")}\n` };
}

/** A set of 65,536 hosts that are no neighbours, used by three rules. */
function manyHosts(): Cost {
  const hosts = Array.from({ length: 65_536 }, (_, host) => `10.${host >> 7}.${(host & 127) * 2}.1`);
  const uses = ["22", "80", "443"].map((port) => `IN ACCEPT -source +many -p tcp -dport ${port}`);
  return worst(guestFile(uses, `[IPSET many]\n${hosts.join("\n")}\n`));
}

function action(index: number): string {
  return index % 2 === 0 ? "ACCEPT" : "DROP";
}

/** 1,000 port rules that overlap and alternate. */
function manyPorts(): Cost {
  const rules = Array.from({ length: 1000 }, (_, index) => {
    return `IN ${action(index)} -p tcp -dport ${index * 2}:${index * 2 + 60}`;
  });
  return worst(guestFile(rules));
}

/** 1,000 rules of sources, destinations and ports that cross. */
function crossing(): Cost {
  const rules = Array.from({ length: 1000 }, (_, index) => {
    const ends = `-source 10.${index % 250}.0.0/16 -dest 10.0.${index % 240}.0/24`;
    return `IN ${action(index)} ${ends} -p tcp -dport ${(index * 37) % 5000}:65535`;
  });
  return worst(guestFile(rules));
}

/** 100 groups of 20 rules, one after the other: within a group Proxmox lets nobody use another. */
function manyGroups(): Cost {
  const groups = Array.from({ length: 100 }, (_, group) => {
    const rules = Array.from({ length: 20 }, (_rule, index) => {
      const port = 100 * group + 7 * index;
      return `IN ${action(index)} -source 10.${group}.0.0/16 -p tcp -dport ${port}:${port + 300}`;
    });
    return `[group g${group}]\n${rules.join("\n")}\n`;
  });
  const uses = Array.from({ length: 100 }, (_, group) => `GROUP g${group}`);
  return worst({ "cluster.fw": `[OPTIONS]\nenable: 1\n\n${groups.join("\n")}`, ...guestFile(uses) });
}

export const ROWS: Readonly<Record<string, () => Cost>> = {
  "prove 100": () => prove(100),
  "prove 1000": () => prove(1000),
  "prove 10000": () => prove(10_000),
  "prove-open 1000": () => proveOpen(1000),
  "fw 100": () => compile(100),
  "fw 1000": () => compile(1000),
  "fw 10000": () => compile(10_000),
  "worst hosts": manyHosts,
  "worst ports": manyPorts,
  "worst groups": manyGroups,
  "worst crossing": crossing,
};
