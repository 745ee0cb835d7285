import { type Estate, guestOf } from "../../policy/estate.ts";
import { runtimeOf } from "../../policy/operator/traefik.ts";
import type { HelloProbe, RecordProbe } from "../../probes/probe.ts";
import { serviceCheck } from "../check.ts";
import type { Control, Observations } from "../control.ts";
import type { Check } from "../finding.ts";

const HTTPS = 443;

export const ROUTERS: RecordProbe = {
  kind: "record",
  id: "record traefik-routers",
  from: "mesh",
  record: "traefik-routers",
};

const CERTIFICATES: RecordProbe = {
  kind: "record",
  id: "record traefik-certificates",
  from: "mesh",
  record: "traefik-certificates",
};

/** Handshakes with Traefik for nothing that is declared: its own default certificate is never to be seen. */
function strangers(estate: Estate): HelloProbe {
  const { address } = guestOf(estate, "mesh");
  const names = [
    ["an undeclared name", `undeclared.${estate.dns.internalZone}`],
    ["no name", undefined],
    ["its address as the name", address],
    ["a public name", estate.publicNames[0]?.external ?? `undeclared.${estate.dns.externalZone}`],
  ] as const;
  const hellos = names.flatMap(([id, servername]) =>
    [0x0303, 0x0304].map((version) => ({
      id: `${id} by TLS 1.${version - 0x0301}`,
      version,
      ...(servername === undefined ? {} : { servername }),
    })),
  );
  const from = guestOf(estate, "gateway").id;
  return {
    kind: "hello",
    id: `hello ${from} > undeclared names of Traefik`,
    from,
    address,
    port: HTTPS,
    hellos,
  };
}

function strangersCheck(estate: Estate, seen: Observations): Check {
  const { id, outcome, facts, answer } = seen.service(strangers(estate).id);
  const bad = Object.entries(facts)
    .filter(([, said]) => !/^(?:alert|closed|ECONNRESET|silent)/.test(String(said)))
    .map(([hello, said]) => `${hello}: ${String(said)}`);
  return serviceCheck(
    outcome === "silent" ? "unknown" : outcome,
    outcome === "answered" && bad.length === 0,
    {
      title: "Traefik never shows its default certificate",
      expected: "an alert for every name that is not declared",
      observed: bad.join("; ") || `${answer}: ${[...new Set(Object.values(facts).map(String))].join("; ")}`,
      reason: bad.length ? `Traefik answers ${bad.join("; ")}` : answer,
      evidence: [id],
    },
  );
}

/** Both ways: a certificate for each declared route, and none beside. */
function certificatesCheck(estate: Estate, seen: Observations): Check {
  const { id, outcome, facts, answer } = seen.service(CERTIFICATES.id);
  const held = Array.isArray(facts["held"]) ? facts["held"].map((line) => line.split(" ")[1] ?? "") : [];
  const declared = estate.routes.map(({ hostname }) => hostname);
  const surplus = held.filter((names) => !declared.includes(names));
  const missing = declared.filter((name) => !held.includes(name));
  const why = [
    ...surplus.map((names) => `Traefik also holds a certificate of ${names}`),
    ...missing.map((name) => `Traefik holds none of ${name}`),
  ];
  return serviceCheck(outcome, outcome === "answered" && why.length === 0, {
    title: "Traefik holds one certificate for each declared name and no other",
    expected: declared.join(", "),
    observed: held.join(", ") || answer,
    reason: outcome === "answered" ? why.join("; ") : answer,
    evidence: [id],
  });
}

/** Routers as Traefik has them, from providers other than its own, and where its own API listens. */
const liveRouters: Control = {
  id: "RTE-005",
  probes: (estate) => [ROUTERS, CERTIFICATES, strangers(estate)],
  judge: (estate, seen) => {
    const { id, facts, answer, outcome } = seen.service(ROUTERS.id);
    const { secure, apiPort } = runtimeOf(estate);
    const declared = estate.routes.map((route) => {
      const url = `${route.tls ? "https" : "http"}://${route.address}:${route.port}`;
      return `Host(\`${route.hostname}\`) on ${secure.join(", ")} > ${url}`;
    });
    const live = Array.isArray(facts["routers"]) ? facts["routers"] : [];
    const listeners = Array.isArray(facts["listeners"]) ? facts["listeners"] : [];
    const wanted = [`${guestOf(estate, "mesh").address}:${HTTPS}`, `127.0.0.1:${apiPort}`];
    const surplus = live.filter((line) => !declared.includes(line));
    const missing = declared.filter((line) => !live.includes(line));
    // A guest has one address: all of them is that one.
    const strange = listeners.filter((each) => !wanted.includes(each) && each !== `0.0.0.0:${HTTPS}`);
    const open = strange.includes(`0.0.0.0:${apiPort}`)
      ? ", its API for everybody who reaches the guest"
      : "";
    const common = { observed: answer, evidence: [id] };
    return [
      serviceCheck(outcome, outcome === "answered" && surplus.length === 0, {
        ...common,
        title: "no router that the files do not declare",
        expected: `${declared.length} routers, no other`,
        reason: surplus.length ? `Traefik also routes ${surplus.join("; ")}` : answer,
      }),
      serviceCheck(outcome, outcome === "answered" && missing.length === 0, {
        ...common,
        title: "each declared route is a live router to its backend",
        expected: declared.join("; "),
        reason: outcome === "answered" ? `Traefik lacks ${missing.join("; ")}` : answer,
      }),
      serviceCheck(outcome, outcome === "answered" && strange.length === 0, {
        ...common,
        title: "Traefik listens on its entry point, and its API on loopback alone",
        expected: wanted.join(", "),
        observed: listeners.join(", ") || answer,
        reason: strange.length ? `Traefik's guest also listens on ${strange.join(", ")}${open}` : answer,
      }),
      certificatesCheck(estate, seen),
      strangersCheck(estate, seen),
    ];
  },
};

export const ROUTING_LIVE_CONTROLS: readonly Control[] = [liveRouters];
