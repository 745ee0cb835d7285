import { X509Certificate } from "node:crypto";
import { exchangeHttp } from "../lab/exchange.ts";
import { BOUND } from "../lab/waits.ts";
import type { ProbeContext } from "./context.ts";
import type { ServiceObservation } from "./observation.ts";
import type { RecordProbe } from "./probe.ts";

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * The roots that Step-CA itself names, `GET /roots.pem`, asked inside its own guest: nobody stands between, so nothing has
 * to be trusted for it. Facts `roots`, a line `FINGERPRINT SUBJECT` for each.
 */
export async function caRoots({ lab, ca }: ProbeContext, probe: RecordProbe): Promise<ServiceObservation> {
  const { namespace, address, port, name } = ca;
  const common = {
    kind: "record",
    id: probe.id,
    from: probe.from,
    to: `${address}:${port} in ${namespace}`,
    request: `GET https://${name}:${port}/roots.pem`,
  } as const;
  const asked = { address, port, path: "/roots.pem", tls: { servername: name } };
  try {
    const { status, body } = await exchangeHttp(lab, namespace, asked, BOUND.exchangeMs);
    const roots = (body.match(PEM) ?? []).map((pem) => {
      const { fingerprint256, subject } = new X509Certificate(pem);
      return `${fingerprint256} ${subject.replaceAll("\n", ", ")}`;
    });
    return {
      ...common,
      outcome: "answered",
      answer: `${status}: ${roots.length} roots`,
      facts: { status, roots },
    };
  } catch (error) {
    const answer = `Step-CA does not say its roots: ${String(error)}`;
    return { ...common, outcome: "silent", answer, facts: {} };
  }
}
