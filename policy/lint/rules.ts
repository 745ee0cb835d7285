import type { Rule } from "../estate.ts";
import type { ForwardRule } from "../proxmox/file.ts";
import { isIcmp } from "../rule.ts";
import { ruleLine } from "../rule-line.ts";
import { found, type LintFinding, secretsOf } from "./finding.ts";
import { type Ground, isDeclared, type Place } from "./ground.ts";
import type { Reach, Understood } from "./reach.ts";
import { wrongEnds } from "./wrong-end.ts";

/** What a rule says by itself, whatever stands around it. */
export function ruleLints(ground: Ground): readonly LintFinding[] {
  return ground.places.flatMap((place) =>
    place.rules.flatMap((rule) => {
      const line = ruleLine(rule);
      const secrets = secretsOf(rule.comment ?? "", rule.position);
      if (!rule.enabled)
        return [...secrets, found("disabled-rule", rule.position, line, `"${line}" is switched off`)];
      if (rule.type === "group") return secrets;
      const { position } = rule;
      if (rule.type === "forward")
        return [
          ...secrets,
          found("forward-rule", position, line, `"${line}" has no effect: it is of type forward`),
        ];
      const understood = ground.understood(rule);
      return [
        ...secrets,
        ...commentLints(rule, line),
        ...anyToAny(rule, line, place, understood),
        ...zeros(rule, line, understood),
        ...lost(rule, line, place, understood),
        ...kernelLints(rule, line),
        ...silentReject(rule, line, understood),
        ...unknownInterface(rule, line, ground, place),
        ...wrongEnds(rule, line, place, understood),
      ];
    }),
  );
}

function commentLints({ comment, position }: Rule, line: string): readonly LintFinding[] {
  if (comment !== undefined && comment.trim() !== "") return [];
  return [found("rule-without-comment", position, line, `"${line}" has no comment`)];
}

const WITH_PORTS = new Set([6, 17, 33, 132, 136]);

/** On the host an interface is a limit: it says who may come. A guest's own NIC is none. */
function anyToAny(
  { action, type, position, iface }: Rule,
  line: string,
  { kind }: Place,
  { reaches }: Understood,
): readonly LintFinding[] {
  const isLimited = kind === "host" && iface !== undefined;
  if (action !== "ACCEPT" || isLimited || !reaches.some(isOpen)) return [];
  const whom = type === "in" ? "lets anyone in" : "lets out to anywhere";
  return [found("any-to-any", position, line, `"${line}" ${whom}, on all ports`)];
}

function isOpen({ source, dest, proto, sports, dports }: Reach): boolean {
  return !source && !dest && !sports && !dports && (proto === undefined || WITH_PORTS.has(proto));
}

const ZEROS = { proto: "protocol", port: "destination port", sport: "source port" } as const;

/** With ICMP the port is a type, of which 0 is one. */
function zeros(rule: Rule, line: string, { reaches }: Understood): readonly LintFinding[] {
  const icmp = rule.proto !== undefined && isIcmp(rule.proto);
  return (["proto", "port", "sport"] as const)
    .filter((key) => rule[key] === "0" && reaches.length > 0 && !(icmp && key !== "proto"))
    .map((key) =>
      found("zero-is-any", rule.position, line, `"${line}" means any ${ZEROS[key]}: 0 counts as absent`),
    );
}

/** In a group more is lost than the rule: `failing-group` tells it. */
function lost(rule: Rule, line: string, { kind }: Place, { failure }: Understood): readonly LintFinding[] {
  if (kind === "group" || failure === undefined) return [];
  return [found("lost-rule", rule.position, line, `"${line}" is left out: ${failure}`)];
}

/** iptables 1.8.9 knows ports of udplite only as a list, which goes another way (trap 32). */
function kernelLints(rule: Rule | ForwardRule, line: string): readonly LintFinding[] {
  const isLite = rule.proto === "udplite" || rule.proto === "136";
  const single = [rule.port, rule.sport].find(
    (port) => port !== undefined && /^[^,]+$/.test(port) && port !== "0",
  );
  if (!isLite || single === undefined) return [];
  const message = `"${line}" is refused by iptables: udplite takes a list of ports, not ${single} alone`;
  return [
    found("kernel-refuses", rule.position, line, message, {
      remedy: "Write a list of two ports or more, or no port.",
    }),
  ];
}

function silentReject(
  { action, position }: Rule,
  line: string,
  { reaches }: Understood,
): readonly LintFinding[] {
  const isSilent = ({ family, proto }: Reach) => proto === (family === 4 ? 1 : 58);
  if (action !== "REJECT" || reaches.length === 0 || !reaches.every(isSilent)) return [];
  return [found("silent-reject", position, line, `"${line}" drops in silence`)];
}

/** Only where the files declare NICs: otherwise nobody knows the node's bridges. */
function unknownInterface(
  { iface, position }: Rule,
  line: string,
  { node }: Ground,
  { kind }: Place,
): readonly LintFinding[] {
  if (kind !== "host" || iface === undefined) return [];
  const bridges = new Set([node.host.bridge, ...node.nics.map(({ bridge }) => bridge)]);
  if (!node.nics.some(isDeclared) || iface === "lo" || bridges.has(iface)) return [];
  const message = `"${line}" is for ${iface}; the files name ${[...bridges].join(", ")}`;
  return [found("unknown-interface", position, line, message)];
}
