import { HarnessError } from "../errors.ts";
import { exchangeHttp } from "../lab/exchange.ts";
import { tcpListeners } from "../lab/network.ts";
import { BOUND } from "../lab/waits.ts";
import type { ProbeContext } from "./context.ts";
import type { ServiceObservation } from "./observation.ts";
import type { RecordProbe } from "./probe.ts";

/** Traefik's own list: facts `held`, a line `SERIAL(hex) NAME,NAME` for each certificate. */
export function traefikCertificates(context: ProbeContext, probe: RecordProbe): Promise<ServiceObservation> {
  return askApi(context, probe, "/api/certificates?per_page=1000", (body) => {
    const list = JSON.parse(body) as { serialNumber?: string; sans?: string[] }[];
    const held = list.map(
      ({ serialNumber = "", sans = [] }) => `${serialNumber.toLowerCase()} ${sans.join(",")}`,
    );
    return { answer: `${held.length} certificates`, facts: { held } };
  });
}

/**
 * Traefik's runtime: facts `routers`, a line `RULE on ENTRYPOINTS > URLS` for each router of a provider other than its own
 * (and for its own on another entry point than `traefik`), and `listeners` of its guest.
 */
export function traefikRouters(context: ProbeContext, probe: RecordProbe): Promise<ServiceObservation> {
  return askApi(context, probe, "/api/rawdata", (body) => {
    const { routers = {}, services = {} } = JSON.parse(body) as RawData;
    const lines = Object.entries(routers).flatMap(([name, router]) => routerLine(name, router, services));
    const listeners = [...tcpListeners(context.lab, context.mesh)].sort();
    return { answer: `${lines.length} routers`, facts: { routers: lines, listeners } };
  });
}

type Read = (body: string) => Pick<ServiceObservation, "answer" | "facts">;

/** Asks Traefik's API where it listens: on the loopback of its own guest. */
async function askApi(
  { lab, mesh, traefikApiPort: port }: ProbeContext,
  { id, from }: RecordProbe,
  path: string,
  read: Read,
): Promise<ServiceObservation> {
  const common = {
    kind: "record",
    id,
    from,
    to: `127.0.0.1:${port} in ${mesh}`,
    request: `GET ${path}`,
  } as const;
  try {
    const { status, body } = await exchangeHttp(
      lab,
      mesh,
      { address: "127.0.0.1", port, path },
      BOUND.exchangeMs,
    );
    const { answer, facts } = read(body);
    return { ...common, outcome: "answered", answer: `${status}: ${answer}`, facts };
  } catch (error) {
    if (error instanceof HarnessError) throw error;
    return {
      ...common,
      outcome: "silent",
      answer: `Traefik's API does not answer: ${String(error)}`,
      facts: {},
    };
  }
}

interface RawData {
  readonly routers?: Readonly<Record<string, { rule?: string; service?: string; entryPoints?: string[] }>>;
  readonly services?: Readonly<Record<string, { loadBalancer?: { servers?: { url?: string }[] } }>>;
}

function routerLine(
  name: string,
  { rule = "", service = "", entryPoints = [] }: { rule?: string; service?: string; entryPoints?: string[] },
  services: NonNullable<RawData["services"]>,
): string[] {
  const provider = name.split("@")[1] ?? "";
  if (provider === "internal" && entryPoints.join() === "traefik") return [];
  const known = services[service] ?? services[`${service}@${provider}`];
  const urls = (known?.loadBalancer?.servers ?? []).map(({ url = "" }) => url).join(", ");
  return [`${rule} on ${entryPoints.join(", ")} > ${urls || service}`];
}
