import type { Policy } from "../estate.ts";
import type { FirewallFile } from "./file.ts";

/** What cluster.fw's options come to; defaults as the compiler has them (`pve-firewall.md` 2.3). */
export interface ClusterOptions {
  /** A value above 1 is a UNIX time that was on for a minute: off. */
  readonly enable: boolean;
  readonly ebtables: boolean;
  readonly policyIn: Policy;
  readonly policyOut: Policy;
}

export interface HostOptions {
  readonly enable: boolean;
  readonly nosmurfs: boolean;
  readonly tcpflags: boolean;
  readonly ndp: boolean;
  /** `nf_conntrack_allow_invalid`: INVALID passes the FORWARD path. */
  readonly allowInvalid: boolean;
}

export interface GuestOptions {
  readonly enable: boolean;
  readonly policyIn: Policy;
  readonly policyOut: Policy;
  readonly dhcp: boolean;
  readonly ndp: boolean;
  readonly radv: boolean;
  readonly macfilter: boolean;
  readonly ipfilter: boolean;
  /** Accepted inbound traffic goes to this NFQUEUE (with bypass) instead. */
  readonly ips: boolean;
  readonly ipsQueues?: string;
}

export function clusterOptions(file: FirewallFile): ClusterOptions {
  return {
    enable: valueOf(file, "enable") === "1",
    ebtables: isOn(file, "ebtables", true),
    policyIn: policyOf(file, "policy_in", "DROP"),
    policyOut: policyOf(file, "policy_out", "ACCEPT"),
  };
}

export function hostOptions(file: FirewallFile): HostOptions {
  return {
    enable: isOn(file, "enable", true),
    nosmurfs: isOn(file, "nosmurfs", true),
    tcpflags: isOn(file, "tcpflags", false),
    ndp: isOn(file, "ndp", true),
    allowInvalid: isOn(file, "nf_conntrack_allow_invalid", false),
  };
}

/** `dhcp` is on unless it is `0`, whatever the manual says. */
export function guestOptions(file: FirewallFile): GuestOptions {
  const ipsQueues = valueOf(file, "ips_queues");
  return {
    enable: isOn(file, "enable", false),
    policyIn: policyOf(file, "policy_in", "DROP"),
    policyOut: policyOf(file, "policy_out", "ACCEPT"),
    dhcp: isOn(file, "dhcp", true),
    ndp: isOn(file, "ndp", true),
    radv: isOn(file, "radv", false),
    macfilter: isOn(file, "macfilter", true),
    ipfilter: isOn(file, "ipfilter", false),
    ips: isOn(file, "ips", false),
    ...(ipsQueues === undefined ? {} : { ipsQueues }),
  };
}

function valueOf(file: FirewallFile, key: string): string | undefined {
  return file.options.get(key)?.value;
}

function isOn(file: FirewallFile, key: string, unset: boolean): boolean {
  const value = valueOf(file, key);
  return value === undefined ? unset : value === "1";
}

function policyOf(file: FirewallFile, key: string, unset: Policy): Policy {
  const value = valueOf(file, key);
  return value === "ACCEPT" || value === "DROP" || value === "REJECT" ? value : unset;
}
