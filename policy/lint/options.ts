import type { FirewallFile, Option } from "../proxmox/file.ts";
import type { Node } from "../proxmox/node.ts";
import { guestOptions, hostOptions } from "../proxmox/options.ts";
import { filterOf } from "./before.ts";
import { knownNics } from "./ground.ts";
import { found, type LintFinding } from "./finding.ts";
import type { LintId } from "./catalogue.ts";

/** Options that switch something off, or change nothing. */
export function optionLints(node: Node): readonly LintFinding[] {
  return [
    ...clusterLints(node),
    ...hostLints(node),
    ...[...node.guests].flatMap(([id, file]) => guestLints(node, id, file)),
  ];
}

function clusterLints({ cluster }: Node): readonly LintFinding[] {
  const { value = "0" } = cluster.options.get("enable") ?? {};
  return [
    ...(value === "1" || Number(value) > 1
      ? []
      : [offAt(cluster, "the cluster's firewall is off: no rule is in force")]),
    ...(Number(value) > 1
      ? at(
          cluster,
          "enable",
          "enable-is-time",
          `enable: ${value} is a time long past: the whole firewall is off`,
        )
      : []),
    ...openPolicy(cluster, "the host"),
    ...at(
      cluster,
      "policy_forward",
      "option-without-effect",
      "policy_forward is read by the nftables firewall alone",
    ),
    ...weak(cluster, "ebtables", "0", "a guest can forge ARP and send frames that are no IP"),
  ];
}

function hostLints({ hostFile: file }: Node): readonly LintFinding[] {
  const { enable, nosmurfs, tcpflags } = hostOptions(file);
  const is = (key: string, value: string) => file.options.get(key)?.value === value;
  const idle = (key: string, why: string) =>
    at(file, key, "option-without-effect", `${key} has no effect: ${why}`);
  const tooFew = Number(file.options.get("nf_conntrack_max")?.value ?? Number.MAX_SAFE_INTEGER) < 262_144;
  return [
    ...(enable ? [] : [offAt(file, "the host's own firewall is off")]),
    ...(is("nftables", "1")
      ? at(file, "nftables", "other-firewall", "nftables: 1 hands the node to another firewall")
      : []),
    ...(nosmurfs ? [] : idle("smurf_log_level", "nosmurfs is 0")),
    ...(tcpflags ? [] : idle("tcp_flags_log_level", "tcpflags is not 1")),
    ...(is("protection_synflood", "1")
      ? []
      : ["protection_synflood_rate", "protection_synflood_burst"].flatMap((key) =>
          idle(key, "protection_synflood is not 1"),
        )),
    ...idle("protection_limit", "Proxmox takes it and uses it for nothing"),
    ...idle("log_level_forward", "the classic firewall compiles no rule of type forward"),
    ...(tooFew
      ? idle("nf_conntrack_max", "a value below the kernel's default of 262144 is not applied")
      : []),
    ...weak(file, "nosmurfs", "0", "packets from broadcast and multicast sources pass"),
    ...weak(
      file,
      "nf_conntrack_allow_invalid",
      "1",
      "packets that belong to no connection reach the guests' rules",
    ),
  ];
}

function guestLints(node: Node, id: string, file: FirewallFile): readonly LintFinding[] {
  const { ips, ipfilter } = guestOptions(file);
  return [
    ...openPolicy(file, `guest ${id}`),
    ...(ips ? [] : at(file, "ips_queues", "option-without-effect", "ips_queues has no effect: ips is not 1")),
    ...(ipfilter ? [] : idleFilter(file)),
    ...blockedNics(node, id, file),
    ...weak(file, "macfilter", "0", `guest ${id} can send from any MAC`),
    ...weak(file, "radv", "1", `guest ${id} can send router advertisements, and so become others' gateway`),
  ];
}

/** `ipfilter: 0` beside a section that switches the filter on by its name (trap 6). */
function idleFilter(file: FirewallFile): readonly LintFinding[] {
  const section = [...file.sets.keys()].find((name) => /^ipfilter-net\d+$/.test(name));
  if (section === undefined) return [];
  const message = `ipfilter: 0 does not switch off the filter that the section [IPSET ${section}] is`;
  return at(file, "ipfilter", "option-without-effect", message);
}

/** Trap 5. A section with entries of IPv6 alone may be meant so. */
function blockedNics(node: Node, id: string, file: FirewallFile): readonly LintFinding[] {
  const own = knownNics(node.nics, id).filter(({ flagged }) => flagged);
  if (!guestOptions(file).enable) return [];
  return own
    .filter((nic) => filterOf(node, file, nic)?.length === 0)
    .flatMap(({ index }) => {
      const section = file.sets.get(`ipfilter-net${index}`);
      if (section && section.entries.length > 0) return [];
      const { position } = section ?? file.options.get("ipfilter") ?? file;
      const message = `guest ${id} can send no IPv4 from net${index}: its IP filter holds no IPv4 address`;
      return [found("ipfilter-blocks-all", position, `ipfilter net${index}`, message)];
    });
}

function openPolicy(file: FirewallFile, whose: string): readonly LintFinding[] {
  if (file.options.get("policy_in")?.value !== "ACCEPT") return [];
  return at(
    file,
    "policy_in",
    "open-policy",
    `policy_in of ${whose} is ACCEPT: what no rule forbids is open`,
  );
}

function weak(file: FirewallFile, key: string, value: string, why: string): readonly LintFinding[] {
  return file.options.get(key)?.value === value
    ? at(file, key, "weak-option", `${key}: ${value}: ${why}`)
    : [];
}

/** A finding at the option, if the file has it. */
function at(file: FirewallFile, key: string, lint: LintId, message: string): readonly LintFinding[] {
  const option: Option | undefined = file.options.get(key);
  return option ? [found(lint, option.position, `option ${key} ${file.kind}`, message)] : [];
}

function offAt(file: FirewallFile, message: string): LintFinding {
  const { position } = file.options.get("enable") ?? file;
  return found("firewall-off", position, `option enable ${file.kind}`, message);
}
