import assert from "node:assert/strict";
import { test } from "node:test";
import { diffed, SMALL, sideOfTexts, type Texts } from "../fixtures/diffed.ts";
import { renderDiffText } from "./diff-text.ts";

/* Small changes of a host and two containers, each with all that is said of it. */

const OPEN = "IN ACCEPT -p tcp -dport 80";
const BLOCK = "IN DROP -source 10.0.0.101 -p tcp -dport 80";

const guest = (...rules: string[]) => `[OPTIONS]\nenable: 1\n[RULES]\n${rules.join("\n")}\n`;
const options = (option: string, ...rules: string[]) =>
  `[OPTIONS]\nenable: 1\n${option}\n[RULES]\n${rules.join("\n")}\n`;
const cluster = (text: string) => `[OPTIONS]\nenable: 1\n${text}\n`;
/** The hardware of a container with this last byte of its address. */
const at = (id: number, byte: number) =>
  `net0: name=eth0,bridge=vmbr0,hwaddr=52:54:00:00:00:${(id - 36).toString(16)},ip=10.0.0.${byte}/24,firewall=1\n`;

interface Case {
  readonly title: string;
  /** In place of the small world's files; undefined: there is none. */
  readonly base: Readonly<Record<string, string | undefined>>;
  readonly head: Readonly<Record<string, string | undefined>>;
  readonly text: string;
}

const CASES: readonly Case[] = [
  {
    title: "a rule added",
    base: {},
    head: { "102.fw": guest("IN ACCEPT -p tcp -dport 443") },
    text: `
Newly allowed:
  everywhere (4 places) -> 102
    tcp 443, IPv6 too
      BASE 102.fw:1:1: drop, by default policy DROP
      HEAD 102.fw:4:1: accept, by IN ACCEPT -p tcp -dport 443
      e.g. tcp 203.0.113.10 -> 10.0.0.102:443

newly allowed: 1 (4 pairs)
`,
  },
  {
    title: "a rule widened, its source and its ports",
    base: { "102.fw": guest("IN ACCEPT -source 10.0.0.101 -p tcp -dport 443") },
    head: { "102.fw": guest("IN ACCEPT -source 10.0.0.0/24 -p tcp -dport 443:445") },
    text: `
Newly allowed:
  lan, host -> 102
    tcp 443-445
      BASE 102.fw:1:1: drop, by default policy DROP (NetBIOS and SMB ports)
      BASE 102.fw:1:1: drop, by default policy DROP
      HEAD 102.fw:4:1: accept, by IN ACCEPT -p tcp -source 10.0.0.0/24 -dport 443:445
      e.g. tcp 10.0.0.50 -> 10.0.0.102:443
  101 -> 102
    tcp 444-445
      BASE 102.fw:1:1: drop, by default policy DROP (NetBIOS and SMB ports)
      BASE 102.fw:1:1: drop, by default policy DROP
      HEAD 102.fw:4:1: accept, by IN ACCEPT -p tcp -source 10.0.0.0/24 -dport 443:445
      e.g. tcp 10.0.0.101 -> 10.0.0.102:444

newly allowed: 2 (3 pairs)
`,
  },
  {
    title: "two rules in the other order",
    base: { "102.fw": guest(BLOCK, OPEN) },
    head: { "102.fw": guest(OPEN, BLOCK) },
    text: `
Newly allowed:
  101 -> 102
    tcp 80
      BASE 102.fw:4:1: drop, by IN DROP -p tcp -source 10.0.0.101 -dport 80
      HEAD 102.fw:4:1: accept, by IN ACCEPT -p tcp -dport 80
      e.g. tcp 10.0.0.101 -> 10.0.0.102:80

newly allowed: 1 (1 pair)
`,
  },
  {
    title: "a rule removed",
    base: { "102.fw": guest("IN ACCEPT -p udp -dport 5000") },
    head: { "102.fw": guest() },
    text: `
Newly denied:
  everywhere (4 places) -> 102
    udp 5000, IPv6 too
      now drop
      BASE 102.fw:4:1: accept, by IN ACCEPT -p udp -dport 5000
      HEAD 102.fw:1:1: drop, by default policy DROP (NetBIOS and SMB ports)
      HEAD 102.fw:1:1: drop, by default policy DROP (udp from port 53, late DNS answers)
      HEAD 102.fw:1:1: drop, by default policy DROP
      e.g. udp 203.0.113.10 -> 10.0.0.102:5000

newly denied: 1 (4 pairs)
`,
  },
  {
    title: "only a comment",
    base: { "102.fw": guest(`${OPEN} # one`) },
    head: { "102.fw": guest(`${OPEN} # two`) },
    text: `
no change in behaviour, only in text: 102.fw (changed)
`,
  },
  {
    title: "an alias of another name",
    base: {
      "cluster.fw": cluster("[ALIASES]\nweb 10.0.0.101"),
      "102.fw": guest("IN ACCEPT -source web -p tcp -dport 80"),
    },
    head: {
      "cluster.fw": cluster("[ALIASES]\nedge 10.0.0.101"),
      "102.fw": guest("IN ACCEPT -source edge -p tcp -dport 80"),
    },
    text: `
no change in behaviour, only in text: 102.fw (changed), cluster.fw (changed)
`,
  },
  {
    title: "an alias of another address",
    base: {
      "cluster.fw": cluster("[ALIASES]\nweb 10.0.0.101"),
      "102.fw": guest("IN ACCEPT -source web -p tcp -dport 80"),
    },
    head: {
      "cluster.fw": cluster("[ALIASES]\nweb 10.0.0.0/24"),
      "102.fw": guest("IN ACCEPT -source web -p tcp -dport 80"),
    },
    text: `
Newly allowed:
  lan, host -> 102
    tcp 80
      BASE 102.fw:1:1: drop, by default policy DROP
      HEAD 102.fw:4:1: accept, by IN ACCEPT -p tcp -source web -dport 80
      BASE cluster.fw:4:1 alias web 10.0.0.101
      HEAD cluster.fw:4:1 alias web 10.0.0.0/24
      e.g. tcp 10.0.0.50 -> 10.0.0.102:80

newly allowed: 1 (2 pairs)
`,
  },
  {
    title: "an entry more in a set",
    base: {
      "cluster.fw": cluster("[IPSET ops]\n10.0.0.60"),
      "102.fw": guest("IN ACCEPT -source +ops -p tcp -dport 22"),
    },
    head: {
      "cluster.fw": cluster("[IPSET ops]\n10.0.0.60\n203.0.113.0/24"),
      "102.fw": guest("IN ACCEPT -source +ops -p tcp -dport 22"),
    },
    text: `
Newly allowed:
  wan -> 102
    tcp 22 from 203.0.113.0/24
      BASE 102.fw:1:1: drop, by default policy DROP
      HEAD 102.fw:4:1: accept, by IN ACCEPT -p tcp -source +ops -dport 22
      HEAD cluster.fw:5:1 ipset ops 203.0.113.0/24
      e.g. tcp 203.0.113.10 -> 10.0.0.102:22

newly allowed: 1 (1 pair)
`,
  },
  {
    title: "a group that a guest uses now",
    base: { "cluster.fw": cluster(`[group web]\n${OPEN}`) },
    head: { "cluster.fw": cluster(`[group web]\n${OPEN}`), "102.fw": guest("GROUP web") },
    text: `
Newly allowed:
  everywhere (4 places) -> 102
    tcp 80, IPv6 too
      BASE 102.fw:1:1: drop, by default policy DROP
      HEAD cluster.fw:4:1: accept, by IN ACCEPT -p tcp -dport 80
      HEAD 102.fw:4:1 GROUP web
      e.g. tcp 203.0.113.10 -> 10.0.0.102:80

newly allowed: 1 (4 pairs)
`,
  },
  {
    title: "a macro, and what it stands for",
    base: { "102.fw": guest("IN DNS(ACCEPT)") },
    head: { "102.fw": guest("IN ACCEPT -p udp -dport 53", "IN ACCEPT -p tcp -dport 53") },
    text: `
no change in behaviour, only in text: 102.fw (changed)
`,
  },
  {
    title: "a disabled rule that is enabled",
    base: { "102.fw": guest(`|${OPEN}`) },
    head: { "102.fw": guest(OPEN) },
    text: `
Newly allowed:
  everywhere (4 places) -> 102
    tcp 80, IPv6 too
      BASE 102.fw:1:1: drop, by default policy DROP
      HEAD 102.fw:4:1: accept, by IN ACCEPT -p tcp -dport 80
      e.g. tcp 203.0.113.10 -> 10.0.0.102:80

newly allowed: 1 (4 pairs)
`,
  },
  {
    title: "a policy flipped",
    base: { "102.fw": guest(OPEN) },
    head: { "102.fw": options("policy_in: ACCEPT", OPEN) },
    text: `
Newly allowed:
  everywhere (4 places) -> 102
    any protocol except tcp, udp, udplite
    tcp except 80, IPv6 too
    udp except 68
    udp 68 source port except 67
    any protocol except tcp, udp, ipv6-icmp, udplite, IPv6 only
    udp except 546, IPv6 only
    udp 546 source port except 547, IPv6 only
    ipv6-icmp echo-request, type 130-132, type 139, type 143, type 151-152, IPv6 only
      BASE 102.fw:1:1: drop, by default policy DROP (NetBIOS and SMB ports)
      BASE 102.fw:1:1: drop, by default policy DROP (udp 1900, UPnP)
      BASE 102.fw:1:1: drop, by default policy DROP (udp from port 53, late DNS answers)
      BASE 102.fw:1:1: drop, by default policy DROP
      BASE 102.fw:1:1: reject (tcp-reset), by default policy DROP (answered by a RST)
      HEAD 102.fw:3:1: accept, by default policy ACCEPT
      e.g. tcp 203.0.113.10 -> 10.0.0.102:443

newly allowed: 1 (4 pairs)
`,
  },
  {
    title: "an option `enable` flipped",
    base: { "102.fw": guest(OPEN) },
    head: { "102.fw": guest(OPEN).replace("enable: 1", "enable: 0") },
    text: `
Newly allowed:
  everywhere (4 places) -> 102
    any protocol except tcp, udp, udplite
    tcp except 80, IPv6 too
    udp except 68
    udp 68 source port except 67
    any protocol except tcp, udp, ipv6-icmp, udplite, IPv6 only
    udp except 546, IPv6 only
    udp 546 source port except 547, IPv6 only
    ipv6-icmp echo-request, type 130-132, type 139, type 143, type 151-152, IPv6 only
      BASE 102.fw:1:1: drop, by default policy DROP (NetBIOS and SMB ports)
      BASE 102.fw:1:1: drop, by default policy DROP (udp 1900, UPnP)
      BASE 102.fw:1:1: drop, by default policy DROP (udp from port 53, late DNS answers)
      BASE 102.fw:1:1: drop, by default policy DROP
      BASE 102.fw:1:1: reject (tcp-reset), by default policy DROP (answered by a RST)
      HEAD 102.fw:2:1: accept, by the firewall of guest 102 is off
      BASE 102.fw:2:1 enable: 1
      e.g. tcp 203.0.113.10 -> 10.0.0.102:443
  102 -> lan, host, 101
    ipv6-icmp router-advertisement, IPv6 only
      BASE: drop, by a line of Proxmox's own (IPv6 router advertisements are off (radv: 0))
      HEAD 102.fw:2:1: accept, by the firewall of guest 102 is off
      BASE 102.fw:2:1 enable: 1
      e.g. protocol 58 2001:db8::10 -> 2001:db8::20, type 134 code 0, state UNTRACKED
  102 -> wan
    only with a MAC that is not the sender's (deviation mac):
    any protocol except icmp, udp, ipv6-icmp, udplite from 10.0.0.0/24 except 10.0.0.1
    icmp echo-request, timestamp-request, type 15, address-mask-request from 10.0.0.0/24 except 10.0.0.1
    udp except 67 from 10.0.0.0/24 except 10.0.0.1
    udp 67 source port except 68 from 10.0.0.0/24 except 10.0.0.1
    ipv6-icmp echo-request, type 130-136, type 139, type 143, type 151-152 from 10.0.0.0/24 except 10.0.0.1
      BASE: drop, by a line of Proxmox's own (MAC filter: the sender's MAC is not 52:54:00:00:00:66)
      HEAD 102.fw:2:1: accept, by the firewall of guest 102 is off
      BASE 102.fw:2:1 enable: 1
      e.g. tcp 10.0.0.102 -> 203.0.113.10:443, from the MAC 02:00:00:00:00:01
  102 -> lan
    only with a MAC that is not the sender's (deviation mac):
    any protocol except udp, udplite
    udp except 67
    udp 67 source port except 68
    any protocol except udp, ipv6-icmp, udplite, IPv6 only
    udp except 547, IPv6 only
    udp 547 source port except 546, IPv6 only
    ipv6-icmp echo-request, type 130-133, type 135-136, type 139, type 143, type 151-152, IPv6 only
      BASE: drop, by a line of Proxmox's own (MAC filter: the sender's MAC is not 52:54:00:00:00:66)
      HEAD 102.fw:2:1: accept, by the firewall of guest 102 is off
      BASE 102.fw:2:1 enable: 1
      e.g. tcp 10.0.0.102 -> 10.0.0.50:443, from the MAC 02:00:00:00:00:01
  102 -> host
    only with a MAC that is not the sender's (deviation mac):
    igmp from anywhere except 10.0.0.255, 127.255.255.255, 224.0.0.0/4, 255.255.255.255
    tcp 22, 3128, 5900-5999, 8006, 60000-60050 from 10.0.0.0-10.0.0.254
    igmp, IPv6 only
    ipv6-icmp router-solicitation, type 135-136, IPv6 only
      BASE: drop, by a line of Proxmox's own (MAC filter: the sender's MAC is not 52:54:00:00:00:66)
      HEAD 102.fw:2:1: accept, by the firewall of guest 102 is off
      BASE 102.fw:2:1 enable: 1
      e.g. tcp 10.0.0.102 -> 10.0.0.13:22, from the MAC 02:00:00:00:00:01
  102 -> 101
    only with a MAC that is not the sender's (deviation mac):
    udp 68 source port 67 from anywhere except 10.0.0.255, 127.255.255.255, 224.0.0.0/4, 255.255.255.255
    udp 546 source port 547, IPv6 only
    ipv6-icmp router-solicitation, type 135-136, IPv6 only
      BASE: drop, by a line of Proxmox's own (MAC filter: the sender's MAC is not 52:54:00:00:00:66)
      HEAD 102.fw:2:1: accept, by the firewall of guest 102 is off
      BASE 102.fw:2:1 enable: 1
      e.g. udp 10.0.0.102:67 -> 10.0.0.101:68, from the MAC 02:00:00:00:00:01

guest:
  changed 102: firewall on -> off

newly allowed: 6 (11 pairs); guest: 1
`,
  },
  {
    title: "a guest without a firewall file",
    base: {},
    head: { "102.fw": undefined },
    text: `
Newly allowed:
  everywhere (4 places) -> 102
    any protocol except udp, udplite
    udp except 68
    udp 68 source port except 67
    any protocol except udp, ipv6-icmp, udplite, IPv6 only
    udp except 546, IPv6 only
    udp 546 source port except 547, IPv6 only
    ipv6-icmp echo-request, type 130-132, type 139, type 143, type 151-152, IPv6 only
      BASE 102.fw:1:1: drop, by default policy DROP (NetBIOS and SMB ports)
      BASE 102.fw:1:1: drop, by default policy DROP (udp 1900, UPnP)
      BASE 102.fw:1:1: drop, by default policy DROP (udp from port 53, late DNS answers)
      BASE 102.fw:1:1: drop, by default policy DROP
      BASE 102.fw:1:1: reject (tcp-reset), by default policy DROP (answered by a RST)
      HEAD 102.conf:1:1: accept, by guest 102 has no firewall section
      BASE 102.fw:2:1 enable: 1
      e.g. tcp 203.0.113.10 -> 10.0.0.102:443
  102 -> lan, host, 101
    ipv6-icmp router-advertisement, IPv6 only
      BASE: drop, by a line of Proxmox's own (IPv6 router advertisements are off (radv: 0))
      HEAD 102.conf:1:1: accept, by guest 102 has no firewall section
      BASE 102.fw:2:1 enable: 1
      e.g. protocol 58 2001:db8::10 -> 2001:db8::20, type 134 code 0, state UNTRACKED
  102 -> wan
    only with a MAC that is not the sender's (deviation mac):
    any protocol except icmp, udp, ipv6-icmp, udplite from 10.0.0.0/24 except 10.0.0.1
    icmp echo-request, timestamp-request, type 15, address-mask-request from 10.0.0.0/24 except 10.0.0.1
    udp except 67 from 10.0.0.0/24 except 10.0.0.1
    udp 67 source port except 68 from 10.0.0.0/24 except 10.0.0.1
    ipv6-icmp echo-request, type 130-136, type 139, type 143, type 151-152 from 10.0.0.0/24 except 10.0.0.1
      BASE: drop, by a line of Proxmox's own (MAC filter: the sender's MAC is not 52:54:00:00:00:66)
      HEAD 102.conf:1:1: accept, by guest 102 has no firewall section
      BASE 102.fw:2:1 enable: 1
      e.g. tcp 10.0.0.102 -> 203.0.113.10:443, from the MAC 02:00:00:00:00:01
  102 -> lan
    only with a MAC that is not the sender's (deviation mac):
    any protocol except udp, udplite
    udp except 67
    udp 67 source port except 68
    any protocol except udp, ipv6-icmp, udplite, IPv6 only
    udp except 547, IPv6 only
    udp 547 source port except 546, IPv6 only
    ipv6-icmp echo-request, type 130-133, type 135-136, type 139, type 143, type 151-152, IPv6 only
      BASE: drop, by a line of Proxmox's own (MAC filter: the sender's MAC is not 52:54:00:00:00:66)
      HEAD 102.conf:1:1: accept, by guest 102 has no firewall section
      BASE 102.fw:2:1 enable: 1
      e.g. tcp 10.0.0.102 -> 10.0.0.50:443, from the MAC 02:00:00:00:00:01
  102 -> host
    only with a MAC that is not the sender's (deviation mac):
    igmp from anywhere except 10.0.0.255, 127.255.255.255, 224.0.0.0/4, 255.255.255.255
    tcp 22, 3128, 5900-5999, 8006, 60000-60050 from 10.0.0.0-10.0.0.254
    igmp, IPv6 only
    ipv6-icmp router-solicitation, type 135-136, IPv6 only
      BASE: drop, by a line of Proxmox's own (MAC filter: the sender's MAC is not 52:54:00:00:00:66)
      HEAD 102.conf:1:1: accept, by guest 102 has no firewall section
      BASE 102.fw:2:1 enable: 1
      e.g. tcp 10.0.0.102 -> 10.0.0.13:22, from the MAC 02:00:00:00:00:01
  102 -> 101
    only with a MAC that is not the sender's (deviation mac):
    udp 68 source port 67 from anywhere except 10.0.0.255, 127.255.255.255, 224.0.0.0/4, 255.255.255.255
    udp 546 source port 547, IPv6 only
    ipv6-icmp router-solicitation, type 135-136, IPv6 only
      BASE: drop, by a line of Proxmox's own (MAC filter: the sender's MAC is not 52:54:00:00:00:66)
      HEAD 102.conf:1:1: accept, by guest 102 has no firewall section
      BASE 102.fw:2:1 enable: 1
      e.g. udp 10.0.0.102:67 -> 10.0.0.101:68, from the MAC 02:00:00:00:00:01

guest:
  changed 102: firewall on -> none

newly allowed: 6 (11 pairs); guest: 1
`,
  },
  {
    title: "dropped, then rejected",
    base: {},
    head: { "102.fw": guest("IN REJECT -p tcp -dport 80") },
    text: `
Refused otherwise:
  everywhere (4 places) -> 102
    tcp 80, IPv6 too
      drop -> reject (tcp-reset)
      BASE 102.fw:1:1: drop, by default policy DROP
      HEAD 102.fw:4:1: reject (tcp-reset), by IN REJECT -p tcp -dport 80
      e.g. tcp 203.0.113.10 -> 10.0.0.102:80

refused otherwise: 1 (4 pairs)
`,
  },
  {
    title: "accepted, then rejected",
    base: { "102.fw": guest(OPEN) },
    head: { "102.fw": guest("IN REJECT -p tcp -dport 80") },
    text: `
Newly denied:
  everywhere (4 places) -> 102
    tcp 80, IPv6 too
      now reject (tcp-reset)
      BASE 102.fw:4:1: accept, by IN ACCEPT -p tcp -dport 80
      HEAD 102.fw:4:1: reject (tcp-reset), by IN REJECT -p tcp -dport 80
      e.g. tcp 203.0.113.10 -> 10.0.0.102:80

newly denied: 1 (4 pairs)
`,
  },
  {
    title: "a MAC filter that is off",
    base: {},
    head: { "101.fw": options("macfilter: 0") },
    text: `
Newly allowed:
  101 -> wan
    only with a MAC that is not the sender's (deviation mac):
    any protocol except icmp, udp, ipv6-icmp, udplite from 10.0.0.0/24 except 10.0.0.1
    icmp echo-request, timestamp-request, type 15, address-mask-request from 10.0.0.0/24 except 10.0.0.1
    udp except 67 from 10.0.0.0/24 except 10.0.0.1
    udp 67 source port except 68 from 10.0.0.0/24 except 10.0.0.1
    ipv6-icmp echo-request, type 130-136, type 139, type 143, type 151-152 from 10.0.0.0/24 except 10.0.0.1
      BASE: drop, by a line of Proxmox's own (MAC filter: the sender's MAC is not 52:54:00:00:00:65)
      HEAD 101.fw:1:1: accept, by default policy ACCEPT
      HEAD 101.fw:3:1 macfilter: 0
      e.g. tcp 10.0.0.101 -> 203.0.113.10:443, from the MAC 02:00:00:00:00:01
  101 -> lan
    only with a MAC that is not the sender's (deviation mac):
    any protocol except udp, udplite
    udp except 67
    udp 67 source port except 68
    any protocol except udp, ipv6-icmp, udplite, IPv6 only
    udp except 547, IPv6 only
    udp 547 source port except 546, IPv6 only
    ipv6-icmp echo-request, type 130-133, type 135-136, type 139, type 143, type 151-152, IPv6 only
      BASE: drop, by a line of Proxmox's own (MAC filter: the sender's MAC is not 52:54:00:00:00:65)
      HEAD 101.fw:1:1: accept, by default policy ACCEPT
      HEAD: accept, by a standing accept of Proxmox (IPv6 neighbour discovery)
      HEAD 101.fw:3:1 macfilter: 0
      e.g. tcp 10.0.0.101 -> 10.0.0.50:443, from the MAC 02:00:00:00:00:01
  101 -> host
    only with a MAC that is not the sender's (deviation mac):
    igmp from anywhere except 10.0.0.255, 127.255.255.255, 224.0.0.0/4, 255.255.255.255
    tcp 22, 3128, 5900-5999, 8006, 60000-60050 from 10.0.0.0-10.0.0.254
    igmp, IPv6 only
    ipv6-icmp router-solicitation, type 135-136, IPv6 only
      BASE: drop, by a line of Proxmox's own (MAC filter: the sender's MAC is not 52:54:00:00:00:65)
      HEAD 101.fw:1:1: accept, by default policy ACCEPT
      HEAD: accept, by a standing accept of Proxmox (IPv6 neighbour discovery)
      HEAD 101.fw:3:1 macfilter: 0
      e.g. tcp 10.0.0.101 -> 10.0.0.13:22, from the MAC 02:00:00:00:00:01
  101 -> 102
    only with a MAC that is not the sender's (deviation mac):
    udp 68 source port 67 from anywhere except 10.0.0.255, 127.255.255.255, 224.0.0.0/4, 255.255.255.255
    udp 546 source port 547, IPv6 only
    ipv6-icmp router-solicitation, type 135-136, IPv6 only
      BASE: drop, by a line of Proxmox's own (MAC filter: the sender's MAC is not 52:54:00:00:00:65)
      HEAD 101.fw:1:1: accept, by default policy ACCEPT
      HEAD: accept, by a standing accept of Proxmox (IPv6 neighbour discovery)
      HEAD 101.fw:3:1 macfilter: 0
      e.g. udp 10.0.0.101:67 -> 10.0.0.102:68, from the MAC 02:00:00:00:00:01

newly allowed: 4 (4 pairs)
`,
  },
  {
    title: "a rule for a multicast address",
    base: {},
    head: { "102.fw": guest("IN ACCEPT -dest 224.0.0.251 -p udp -dport 5353") },
    text: `
Newly allowed:
  everywhere (4 places) -> 102
    only to addresses that are not the destination's own (deviation destination):
    udp 5353 to 224.0.0.251
      BASE 102.fw:1:1: drop, by default policy DROP (broadcast or multicast destination)
      HEAD 102.fw:4:1: accept, by IN ACCEPT -p udp -dest 224.0.0.251 -dport 5353
      e.g. udp 203.0.113.10 -> 224.0.0.251:5353

newly allowed: 1 (4 pairs)
`,
  },
  {
    title: "an outbound rule removed",
    base: { "101.fw": guest("OUT DROP -dest 10.0.0.102 -p tcp"), "102.fw": guest(OPEN) },
    head: { "101.fw": guest(), "102.fw": guest(OPEN) },
    text: `
Newly allowed:
  101 -> 102
    tcp 80
      BASE 101.fw:4:1: drop, by OUT DROP -p tcp -dest 10.0.0.102
      HEAD 101.fw:1:1: accept, by default policy ACCEPT
      e.g. tcp 10.0.0.101 -> 10.0.0.102:80

newly allowed: 1 (1 pair)
`,
  },
  {
    title: "a rule of the host",
    base: {},
    head: { "cluster.fw": cluster("[RULES]\nIN ACCEPT -p tcp -dport 9999") },
    text: `
Newly allowed:
  everywhere (4 places) -> host
    tcp 9999, IPv6 too
      BASE cluster.fw:1:1: drop, by default policy DROP
      HEAD cluster.fw:4:1: accept, by IN ACCEPT -p tcp -dport 9999
      e.g. tcp 203.0.113.10 -> 10.0.0.13:9999

newly allowed: 1 (4 pairs)
`,
  },
  {
    title: "a rule of IPv6 alone",
    base: {},
    head: {
      "102.fw": guest(
        "IN ACCEPT -source 2001:db8::/64 -p tcp -dport 80",
        "IN ACCEPT -p ipv6-icmp -icmp-type echo-request",
      ),
    },
    text: `
Newly allowed:
  everywhere (4 places) -> 102
    tcp 80 from 2001:db8::/64
    ipv6-icmp echo-request, IPv6 only
      BASE 102.fw:1:1: drop, by default policy DROP
      HEAD 102.fw:4:1: accept, by IN ACCEPT -p tcp -source 2001:db8::/64 -dport 80
      HEAD 102.fw:5:1: accept, by IN ACCEPT -p ipv6-icmp -icmp-type echo-request
      e.g. tcp 2001:db8::10 -> [2001:db8::20]:80

newly allowed: 1 (4 pairs)
`,
  },
  {
    title: "a guest of another name",
    base: { "102.conf": `hostname: a\n${SMALL["102.conf"]}` },
    head: { "102.conf": `hostname: b\n${SMALL["102.conf"]}` },
    text: `
guest:
  changed 102: name a -> b

guest: 1
`,
  },
  {
    title: "a guest that moved, and the rules with it",
    base: { "101.fw": guest("IN ACCEPT -source 10.0.0.102 -p tcp -dport 80"), "102.fw": guest(OPEN) },
    head: {
      "101.fw": guest("IN ACCEPT -source 10.0.0.112 -p tcp -dport 80"),
      "102.fw": guest(OPEN),
      "102.conf": at(102, 112),
    },
    text: `
guest:
  changed 102: address 10.0.0.102 -> 10.0.0.112, MAC 52:54:00:00:00:66 -> 52:54:00:00:00:42

guest: 1
`,
  },
  {
    title: "a guest that moved, and a rule that did not",
    base: { "101.fw": guest("IN ACCEPT -source 10.0.0.102 -p tcp -dport 80") },
    head: { "101.fw": guest("IN ACCEPT -source 10.0.0.102 -p tcp -dport 80"), "102.conf": at(102, 112) },
    text: `
Newly denied:
  102 -> 101
    tcp 80
      now drop
      BASE 102.fw:1:1: accept, by default policy ACCEPT
      HEAD 102.fw:1:1: accept, by default policy ACCEPT
      e.g. tcp 10.0.0.102 -> 10.0.0.101:80

guest:
  changed 102: address 10.0.0.102 -> 10.0.0.112, MAC 52:54:00:00:00:66 -> 52:54:00:00:00:42

newly denied: 1 (1 pair); guest: 1
`,
  },
  {
    title: "two guests that changed addresses",
    base: { "101.fw": guest(OPEN), "102.fw": guest(OPEN) },
    head: {
      "101.fw": guest(OPEN),
      "102.fw": guest(OPEN),
      "101.conf": at(101, 102),
      "102.conf": at(102, 101),
    },
    text: `
Answered by another guest:
  wan, lan, host -> 101, before 102
    tcp 80
    udp 68 source port 67
      BASE: accept, by a standing accept of Proxmox (DHCP, udp 67 to 68)
      BASE 102.fw:4:1: accept, by IN ACCEPT -p tcp -dport 80
      HEAD: accept, by a standing accept of Proxmox (DHCP, udp 67 to 68)
      HEAD 101.fw:4:1: accept, by IN ACCEPT -p tcp -dport 80
      e.g. tcp 203.0.113.10 -> 10.0.0.102:80
  wan, lan, host -> 102, before 101
    tcp 80
    udp 68 source port 67
      BASE: accept, by a standing accept of Proxmox (DHCP, udp 67 to 68)
      BASE 101.fw:4:1: accept, by IN ACCEPT -p tcp -dport 80
      HEAD: accept, by a standing accept of Proxmox (DHCP, udp 67 to 68)
      HEAD 102.fw:4:1: accept, by IN ACCEPT -p tcp -dport 80
      e.g. tcp 203.0.113.10 -> 10.0.0.101:80

guest:
  changed 101: address 10.0.0.101 -> 10.0.0.102, MAC 52:54:00:00:00:65 -> 52:54:00:00:00:41
  changed 102: address 10.0.0.102 -> 10.0.0.101, MAC 52:54:00:00:00:66 -> 52:54:00:00:00:42

answered by another guest: 2 (6 pairs); guest: 2
`,
  },
  {
    title: "a new guest, of which only its own rule is told here",
    base: {},
    head: { "103.conf": at(103, 103), "103.fw": guest(OPEN) },
    text: `
Newly allowed:
  103 -> wan
    everything of IPv4
      HEAD: accept, by the gateway (the source's reverse path is right)
      HEAD 103.fw:2:1 enable: 1
      e.g. tcp 10.0.0.103 -> 203.0.113.10:443
  103 -> lan
    everything of IPv4
    any protocol except ipv6-icmp, udplite, IPv6 only
    ipv6-icmp echo-request, type 130-133, type 135-136, type 139, type 143, type 151-152, IPv6 only
      HEAD: accept, by a line of Proxmox's own (no guest's chain hangs on vmbr0)
      HEAD 103.fw:2:1 enable: 1
      e.g. tcp 10.0.0.103 -> 10.0.0.50:443
  103 -> host
    igmp, IPv6 too
    tcp 22, 3128, 5900-5999, 8006, 60000-60050
    ipv6-icmp router-solicitation, type 135-136, IPv6 only
      HEAD: accept, by a standing accept of Proxmox (IGMP)
      HEAD: accept, by a standing accept of Proxmox (tcp 8006, the Proxmox API, from the management set)
      HEAD: accept, by a standing accept of Proxmox (tcp 5900:5999, VNC consoles, from the management set)
      HEAD: accept, by a standing accept of Proxmox (tcp 3128, the SPICE proxy, from the management set)
      HEAD: accept, by a standing accept of Proxmox (tcp 22, SSH, from the management set)
      HEAD: accept, by a standing accept of Proxmox (tcp 60000:60050, migration, from the management set)
      HEAD: accept, by a standing accept of Proxmox (IPv6 neighbour discovery)
      HEAD 103.fw:2:1 enable: 1
      e.g. tcp 10.0.0.103 -> 10.0.0.13:22
  103 -> 101, 102
    udp 68 source port 67
    udp 546 source port 547, IPv6 only
    ipv6-icmp router-solicitation, type 135-136, IPv6 only
      HEAD: accept, by a standing accept of Proxmox (DHCP, udp 67 to 68)
      HEAD: accept, by a standing accept of Proxmox (DHCP, udp 547 to 546)
      HEAD: accept, by a standing accept of Proxmox (IPv6 neighbour discovery)
      HEAD 103.fw:2:1 enable: 1
      e.g. udp 10.0.0.103:67 -> 10.0.0.101:68
  wan, lan, host -> 103
    tcp 80, IPv6 too
    udp 68 source port 67
    udp 546 source port 547, IPv6 only
    ipv6-icmp type 133-136, IPv6 only
      HEAD: accept, by a standing accept of Proxmox (DHCP, udp 67 to 68)
      HEAD 103.fw:4:1: accept, by IN ACCEPT -p tcp -dport 80
      HEAD: accept, by a standing accept of Proxmox (DHCP, udp 547 to 546)
      HEAD: accept, by a standing accept of Proxmox (IPv6 neighbour discovery)
      HEAD 103.fw:2:1 enable: 1
      e.g. tcp 203.0.113.10 -> 10.0.0.103:80
  101, 102 -> 103
    tcp 80, IPv6 too
    udp 68 source port 67
    udp 546 source port 547, IPv6 only
    ipv6-icmp router-solicitation, type 135-136, IPv6 only
      HEAD: accept, by a standing accept of Proxmox (DHCP, udp 67 to 68)
      HEAD 103.fw:4:1: accept, by IN ACCEPT -p tcp -dport 80
      HEAD: accept, by a standing accept of Proxmox (DHCP, udp 547 to 546)
      HEAD: accept, by a standing accept of Proxmox (IPv6 neighbour discovery)
      HEAD 103.fw:2:1 enable: 1
      e.g. tcp 10.0.0.101 -> 10.0.0.103:80

guest:
  added 103: kind lxc, address 10.0.0.103, bridge vmbr0, MAC 52:54:00:00:00:43, firewall on

newly allowed: 6 (10 pairs); guest: 1
`,
  },
];

const HEADER = "BASE  one\nHEAD  two\n\n";
const FOOTER = "names, routes and certificates are not compared: Proxmox's own files declare none\n";

function withFiles(files: Case["base"]): Texts {
  const all = Object.entries({ ...SMALL, ...files });
  return Object.fromEntries(all.flatMap(([name, text]) => (text === undefined ? [] : [[name, text]])));
}

for (const { title, base, head, text } of CASES)
  test(title, () => {
    const said = renderDiffText(diffed(sideOfTexts(withFiles(base)), sideOfTexts(withFiles(head))));
    assert.ok(said.startsWith(HEADER), said);
    assert.equal(said.slice(HEADER.length).replace(FOOTER, ""), text.slice(1));
  });
