/** `finding`: the files should change, exit 1. `note`: worth reading, never fails. */
export type Level = "finding" | "note";

interface Lint {
  readonly level: Level;
  readonly what: string;
  readonly why: string;
  readonly remedy: string;
}

/** Everything that `phx check` looks for. docs/lint.md shows the same table. */
export const LINTS = {
  "duplicate-rule": {
    level: "finding",
    what: "a rule that an earlier one of the same place repeats",
    why: "who changes one of the two changes nothing",
    remedy: "Delete the later one.",
  },
  "shadowed-rule": {
    level: "finding",
    what: "a rule whose packets earlier rules of the same place all take",
    why: "it is never reached; where the earlier rule contradicts it, the reader is misled",
    remedy: "Delete it, or move it before the rule that takes its packets.",
  },
  "never-matches": {
    level: "finding",
    what: "a rule that no packet can match",
    why: "it looks like a permission or a barrier and is neither",
    remedy: "Correct its condition, or delete it.",
  },
  "redundant-accept": {
    level: "finding",
    what: "an ACCEPT that the default policy gives without it",
    why: "it makes an open direction look filtered",
    remedy: "Delete it, or make the policy DROP.",
  },
  "any-to-any": {
    level: "finding",
    what: "an ACCEPT from anyone to anywhere on all ports",
    why: "it is a default policy of ACCEPT in other words",
    remedy: "Name a source or a destination, a protocol and a port.",
  },
  "zero-is-any": {
    level: "finding",
    what: "a 0 where a port or a protocol is asked for",
    why: "Proxmox reads 0 as absent: the rule means all of them",
    remedy: "Name what is meant, or leave the option out.",
  },
  "lost-rule": {
    level: "finding",
    what: "a rule that passes the check on reading and can't be written",
    why: "Proxmox leaves it out and says so only in the system's log",
    remedy: "Name something that exists in that scope.",
  },
  "failing-group": {
    level: "finding",
    what: "a security group that can't be written",
    why: "the guests that use it lose their filter, inbound and outbound or outbound alone",
    remedy: "Correct or delete the rule that can't be written.",
  },
  "group-on-interface": {
    level: "finding",
    what: "a GROUP line of the host with an interface",
    why: "a packet that a guest's OUT chain accepted still carries the mark that this line takes for the group's accept",
    remedy: "Write the group's rules with -i in its place.",
  },
  "unknown-group": {
    level: "finding",
    what: "a GROUP line whose group is not defined",
    why: "it acts as an empty group, without a warning",
    remedy: "Name a group of cluster.fw, in lower case.",
  },
  "unused-alias": {
    level: "finding",
    what: "an alias that nothing refers to",
    why: "who edits it believes to change something",
    remedy: "Delete it.",
  },
  "unused-set": {
    level: "finding",
    what: "a set that nothing refers to",
    why: "who edits it believes to change something",
    remedy: "Delete it.",
  },
  "unused-group": {
    level: "finding",
    what: "a security group that no GROUP line uses",
    why: "its rules have no effect",
    remedy: "Delete it, or use it.",
  },
  "ignored-line": {
    level: "finding",
    what: "a line that Proxmox ignores",
    why: "what it says is not in force",
    remedy: "Write it as Proxmox takes it, or delete it.",
  },
  "kernel-refuses": {
    level: "finding",
    what: "something that compiles and that the kernel refuses to load",
    why: "the whole rule set is refused with it: the node keeps the rules that it had before",
    remedy: "Write it as the kernel takes it.",
  },
  "forward-rule": {
    level: "finding",
    what: "a rule of type forward",
    why: "the classic firewall compiles none of them",
    remedy: "Filter at the guests' own in and out rules, or delete it.",
  },
  "unfiltered-guest": {
    level: "finding",
    what: "a guest or a NIC that nothing filters",
    why: "every port of it is open to all who reach its bridge",
    remedy: "Turn its firewall on, and firewall=1 on its NIC.",
  },
  "firewall-off": {
    level: "finding",
    what: "the firewall of the cluster or of the host is off",
    why: "without the cluster's no rule is in force, without the host's none of the host",
    remedy: "Set enable to 1.",
  },
  "enable-is-time": {
    level: "finding",
    what: "a value of enable above 1 in cluster.fw",
    why: "it is a UNIX time that was on for a minute: the whole firewall is off",
    remedy: "Set enable to 1.",
  },
  "other-firewall": {
    level: "finding",
    what: "nftables: 1 in host.fw",
    why: "the classic firewall then does nothing, and the other one decides differently",
    remedy: "Set nftables to 0, or do not rely on what phx decides.",
  },
  "open-policy": {
    level: "finding",
    what: "a default policy that accepts what comes in",
    why: "whatever no rule forbids is open",
    remedy: "Make the policy DROP and allow what is needed.",
  },
  "option-without-effect": {
    level: "finding",
    what: "an option that changes nothing as the files stand",
    why: "it promises what is not in force",
    remedy: "Delete it.",
  },
  "ipfilter-blocks-all": {
    level: "finding",
    what: "an IP filter that holds no IPv4 address of its NIC",
    why: "the guest can send no IPv4 packet at all",
    remedy: "Add the guest's addresses in a section [IPSET ipfilter-netN].",
  },
  "shared-mac": {
    level: "finding",
    what: "two NICs of one bridge with one MAC",
    why: "the bridge delivers to one of them, and the MAC filter tells them apart no more",
    remedy: "Give each NIC a MAC of its own.",
  },
  "shared-address": {
    level: "finding",
    what: "two NICs of one bridge with one address",
    why: "rules that name the address mean either",
    remedy: "Give each NIC an address of its own.",
  },
  "secret-in-file": {
    level: "finding",
    what: "a value under a key that names a secret",
    why: "whoever reads the files has it, and so has their history",
    remedy: "Keep it elsewhere, and change it: it is known.",
  },
  "rule-without-comment": {
    level: "note",
    what: "a rule without a comment",
    why: "nobody can tell later whether it is still needed",
    remedy: "Say whom it serves.",
  },
  "disabled-rule": {
    level: "note",
    what: "a rule that is switched off",
    why: "it reads like one in force",
    remedy: "Delete it, or switch it on.",
  },
  "silent-reject": {
    level: "note",
    what: "a REJECT of ICMP alone",
    why: "Proxmox answers ICMP with nothing: it is a DROP",
    remedy: "Write DROP.",
  },
  "wrong-end": {
    level: "note",
    what: "a guest's rule whose end at the guest is none of its addresses, or whose other end is the guest itself",
    why: "only a forged or a routed packet matches it",
    remedy: "Give the guest's own address at its end, or none.",
  },
  "unknown-interface": {
    level: "note",
    what: "a rule of the host for an interface that the files do not name",
    why: "it matches only if the node has such an interface, and never for a port of a bridge",
    remedy: "Name the bridge.",
  },
  "weak-option": {
    level: "note",
    what: "an option that switches off a filter which is on by default",
    why: "a guest can forge what the filter would stop",
    remedy: "Leave the option out, unless it is needed.",
  },
  "forgeable-source": {
    level: "note",
    what: "rules that trust a source address inside the subnet, once a run",
    why: "Proxmox's ipfilter is off, and no key of the files sets it: a guest or a device of the LAN can write any such address",
    remedy: "Set ipfilter on the node for each guest, and mind that a device of the LAN stays able to.",
  },
  "hidden-name": {
    level: "note",
    what: "a guest's alias or set with the name of another one in cluster.fw",
    why: "the guest's own rules mean the one, its groups' rules the other",
    remedy: "Give it a name of its own, or write guest/ and dc/.",
  },
  remark: {
    level: "note",
    what: "something about the files that phx noted while reading",
    why: "it took something for granted, or left something out",
    remedy: "See the message.",
  },
  unchecked: {
    level: "note",
    what: "rules that were not all compared with each other",
    why: "that many of such different shapes take too long: a duplicate, shadowed or redundant one may be among them (exit 4)",
    remedy: "Split the list, or use sets in the place of many rules.",
  },
} as const satisfies Record<string, Lint>;

export type LintId = keyof typeof LINTS;
