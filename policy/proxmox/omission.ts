import type { FileKind, FirewallFile, IgnoredLine } from "./file.ts";

/** Something of Proxmox's files that Phoenix JSON does not hold, and why. */
export interface Omission extends IgnoredLine {
  /** Some packet is decided otherwise for it. Without it the JSON decides all packets as the node does. */
  readonly decides: boolean;
}

/** An option that Phoenix JSON has no key for. */
interface Unheld {
  /** What the node that Phoenix builds has; this value loses nothing. */
  readonly neutral: string;
  /** What any other value changes. */
  readonly reason: string;
  readonly decides: boolean;
}

const decides = (neutral: string, reason: string): Unheld => ({ neutral, reason, decides: true });
const tells = (neutral: string, reason: string): Unheld => ({ neutral, reason, decides: false });

const LOGGING = "logging of the default policy or a filter, no verdict";
const LIMIT = "a limit of the kernel's connection tracking, no verdict";

/** Options whose keys Phoenix JSON lacks; `enable` and the policies it has. */
const UNHELD: Readonly<Record<FileKind, Readonly<Record<string, Unheld>>>> = {
  cluster: {
    ebtables: decides("1", "frames that are no IP pass unfiltered at 0"),
    policy_forward: tells("ACCEPT", "only the nftables firewall reads it"),
    log_ratelimit: tells("", LOGGING),
  },
  host: {
    nosmurfs: decides("1", "packets from broadcast and multicast sources pass at 0"),
    tcpflags: decides("0", "illegal combinations of TCP flags are dropped at 1"),
    ndp: decides("1", "the host's IPv6 neighbour discovery needs rules at 0"),
    nf_conntrack_allow_invalid: decides("0", "INVALID packets reach the guests' rules at 1"),
    nf_conntrack_helpers: decides("", "what a helper expects is RELATED, and accepted"),
    protection_synflood: decides("0", "SYNs above a rate are dropped at 1"),
    protection_synflood_rate: tells("200", "without protection_synflood it has no effect"),
    protection_synflood_burst: tells("1000", "without protection_synflood it has no effect"),
    protection_limit: tells("", "pve-firewall takes it and uses it for nothing"),
    nftables: decides("0", "at 1 another firewall takes over, with an order of its own"),
    nf_conntrack_max: tells("262144", LIMIT),
    nf_conntrack_tcp_timeout_established: tells("432000", LIMIT),
    nf_conntrack_tcp_timeout_syn_recv: tells("60", LIMIT),
    log_nf_conntrack: tells("0", LOGGING),
    log_level_in: tells("nolog", LOGGING),
    log_level_out: tells("nolog", LOGGING),
    log_level_forward: tells("nolog", LOGGING),
    tcp_flags_log_level: tells("nolog", LOGGING),
    smurf_log_level: tells("nolog", LOGGING),
  },
  guest: {
    dhcp: decides("1", "a DHCP client needs rules at 0"),
    ndp: decides("1", "IPv6 neighbour discovery needs rules at 0"),
    radv: decides("0", "the guest may send router advertisements at 1"),
    macfilter: decides("1", "the guest may send from any MAC at 0"),
    ipfilter: decides("0", "the guest may send from its own addresses alone at 1"),
    ips: decides("0", "accepted inbound packets go to an NFQUEUE at 1"),
    ips_queues: tells("", "the number of a queue"),
    layer2_protocols: decides("", "the guest may send frames of these types alone"),
    log_level_in: tells("nolog", LOGGING),
    log_level_out: tells("nolog", LOGGING),
  },
};

const HELD = new Set(["enable", "policy_in", "policy_out"]);

/** The options of a file that Phoenix JSON has no key for, those left out that say what Phoenix does anyway. */
export function unheldOptions(file: FirewallFile, isActive: boolean): readonly Omission[] {
  return [...file.options].flatMap(([key, { value, position }]): readonly Omission[] => {
    const unheld = UNHELD[file.kind][key] ?? tells("", "it is unknown here");
    if (HELD.has(key) || value === unheld.neutral || value === "") return [];
    const reason = `Phoenix JSON has no key for it: ${unheld.reason}`;
    return [{ text: `${key}: ${value}`, reason, position, decides: unheld.decides && isActive }];
  });
}

/** Sets that have an effect by their name alone, and are told of by that. */
const STANDING_SETS: Readonly<Record<FileKind, RegExp>> = {
  cluster: /^(?:management|blacklist)$/,
  host: /^$/,
  guest: /^ipfilter-net\d+$/,
};

/** Names for rules to use: Phoenix JSON has none, so that what they stand for is written out. */
export function unheldNames(file: FirewallFile): readonly Omission[] {
  const writtenOut = (text: string, { position }: Pick<FirewallFile, "position">): Omission => {
    const reason = "Phoenix JSON has no names: what it stands for is written out in each rule that uses it";
    return { text, reason, position, decides: false };
  };
  const sets = [...file.sets.values()].filter(({ name }) => !STANDING_SETS[file.kind].test(name));
  return [
    ...[...file.aliases.values()].map((alias) => writtenOut(`alias ${alias.name}`, alias)),
    ...sets.map((set) => writtenOut(`[IPSET ${set.name}]`, set)),
    ...[...file.groups.values()].map((group) => writtenOut(`[GROUP ${group.name}]`, group)),
  ];
}
