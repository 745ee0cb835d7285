import type { FileKind } from "./file.ts";
import { lowerCase, trimSpace } from "./line.ts";

/** What an option takes, in words, and its value as Proxmox keeps it; undefined where it refuses it. */
interface Form {
  readonly expected: string;
  read(text: string): string | undefined;
}

const BOOLEAN: Form = { expected: "0 or 1", read: (text) => (/^[01]$/.test(text) ? text : undefined) };

/** Any length: a range that the manual names is a matter of the API, not of the file's reader. */
const INTEGER: Form = {
  expected: "a whole number",
  read: (text) => (/^\d+$/.test(text) ? text.replace(/^0+(?=\d)/, "") : undefined),
};

const POLICY = oneOf(["ACCEPT", "DROP", "REJECT"], "ACCEPT, DROP or REJECT");
const LEVEL = oneOf(
  ["", "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug", "nolog"],
  "a log level (emerg, alert, crit, err, warning, notice, info, debug, nolog) or nothing",
);

const QUEUES: Form = {
  expected: "N or N:M",
  read: (text) => (/^\d+(?::\d+)?$/.test(text) ? text : undefined),
};

const RATE_LIMIT: Form = {
  expected: "[enable=]0|1[,rate=N/second|minute|hour|day][,burst=N]",
  read: (text) => {
    const parts = text.split(",");
    const known = /^(?:enable=)?[01]$|^rate=[1-9]\d*\/(?:second|minute|hour|day)$|^burst=\d+$/;
    return parts.every((part) => known.test(part)) ? text : undefined;
  },
};

const HELPERS = listOf(
  new Set(["amanda", "ftp", "irc", "netbios-ns", "pptp", "sane", "sip", "snmp", "tftp"]),
  "a comma list of amanda, ftp, irc, netbios-ns, pptp, sane, sip, snmp, tftp",
  lowerCase,
);

/** First column of Debian 12's /etc/ethertypes, and the types' numbers. */
const ETHERTYPES = `
IPv4=0800 X25=0805 ARP=0806 FR_ARP=0808 BPQ=08FF TRILL=22F3 L2-IS-IS=22F4 TEB=6558 RAW_FR=6559 RARP=8035
ATALK=809B AARP=80F3 802_1Q=8100 IPX=8137 NetBEUI=8191 IPv6=86DD PPP=880B MPLS=8847 MPLS_MULTI=8848
ATMMPOA=884C PPP_DISC=8863 PPP_SES=8864 ATMFATE=8884 EAPOL=888E S-TAG=88A8 EAP_PREAUTH=88C7 LLDP=88CC
MACSEC=88E5 PBB=88E7 MVRP=88F5 PTP=88F7 FCOE=8906 FIP=8914 ROCE=8915 LoWPAN=A0ED
`;

const LAYER2 = listOf(
  new Set(
    ETHERTYPES.trim()
      .split(/\s+/)
      .flatMap((entry) => entry.split("=")),
  ),
  "a comma list of names or numbers of /etc/ethertypes",
  (text) => text,
);

const OPTIONS: Readonly<Record<FileKind, ReadonlyMap<string, Form>>> = {
  cluster: new Map([
    ["enable", INTEGER],
    ["ebtables", BOOLEAN],
    ["policy_in", POLICY],
    ["policy_out", POLICY],
    ["policy_forward", POLICY],
    ["log_ratelimit", RATE_LIMIT],
  ]),
  host: new Map([
    ...each(BOOLEAN, "enable", "nosmurfs", "tcpflags", "ndp", "nf_conntrack_allow_invalid"),
    ...each(BOOLEAN, "protection_synflood", "log_nf_conntrack", "nftables"),
    ...each(LEVEL, "log_level_in", "log_level_out", "log_level_forward"),
    ...each(LEVEL, "tcp_flags_log_level", "smurf_log_level"),
    ...each(INTEGER, "nf_conntrack_max", "nf_conntrack_tcp_timeout_established"),
    ...each(INTEGER, "nf_conntrack_tcp_timeout_syn_recv"),
    ...each(INTEGER, "protection_synflood_rate", "protection_synflood_burst", "protection_limit"),
    ["nf_conntrack_helpers", HELPERS],
  ]),
  guest: new Map([
    ...each(BOOLEAN, "enable", "dhcp", "ndp", "radv", "macfilter", "ipfilter", "ips"),
    ...each(POLICY, "policy_in", "policy_out"),
    ...each(LEVEL, "log_level_in", "log_level_out"),
    ["ips_queues", QUEUES],
    ["layer2_protocols", LAYER2],
  ]),
};

const FILES = { cluster: "cluster.fw", host: "host.fw", guest: "a guest's .fw file" } as const;

/** A line of `[OPTIONS]`: its key in lower case and its value, or why Proxmox passes it over. */
export function parseOption(
  kind: FileKind,
  text: string,
): { readonly key: string; readonly value: string } | { readonly reason: string } {
  const colon = text.indexOf(":");
  const key = lowerCase(text.slice(0, Math.max(colon, 0)));
  if (!/^\w+$/.test(key)) return { reason: "no option: `key: value` has its colon right after the key" };
  const form = OPTIONS[kind].get(key);
  if (!form) return { reason: `${FILES[kind]} has no option ${key}` };
  const value = form.read(trimSpace(text.slice(colon + 1)));
  if (value !== undefined) return { key, value };
  const comment = text.includes("#") ? ", and no comment behind it" : "";
  return { reason: `${key} takes ${form.expected}${comment}` };
}

function each(form: Form, ...keys: readonly string[]): [string, Form][] {
  return keys.map((key) => [key, form]);
}

/** Any case; kept as it is written here. */
function oneOf(values: readonly string[], expected: string): Form {
  const byLowerCase = new Map(values.map((value) => [lowerCase(value), value]));
  return { expected, read: (text) => byLowerCase.get(lowerCase(text)) };
}

function listOf(known: ReadonlySet<string>, expected: string, normal: (text: string) => string): Form {
  return {
    expected,
    read: (text) => {
      const parts = normal(text).split(",");
      return parts.every((part) => known.has(part)) ? parts.join(",") : undefined;
    },
  };
}
