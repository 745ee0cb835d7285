import { observeObtain } from "./acme/observe-obtain.ts";
import { observeOrders } from "./acme/observe-orders.ts";
import { Browsers, observeBrowser } from "./browser.ts";
import type { ProbeContext } from "./context.ts";
import { observeDns, observeQuestions } from "./dns.ts";
import { observeUpstream } from "./dns-upstream.ts";
import { observeForwarding } from "./forwarding.ts";
import { observeHello } from "./hello.ts";
import { observeHttp } from "./http.ts";
import { observeHttp2 } from "./http2.ts";
import { observeRaw } from "./raw.ts";
import { observeReceipts } from "./receipts.ts";
import type { FlowKey } from "./flow-key.ts";
import type { FlowTrace, Observation, PacketObservation } from "./observation.ts";
import { PacketEngine } from "./packets.ts";
import type { Probe } from "./probe.ts";
import { observePath } from "./path.ts";
import { observeRecord } from "./record.ts";
import { forgetReverse } from "./reverse.ts";
import { observeTcp } from "./tcp.ts";
import { observeTls } from "./tls.ts";
import { traceFlow } from "./trace.ts";
import { observeTrial } from "./trial.ts";

/** Services are asked side by side, so many at a time; packets one batch at a time, since they share counters; trials come last. */
const SERVICES_AT_ONCE = 16;

/** Makes observations in one lab, each probe once: a probe asked for again gives the first observation. */
export class Prober {
  readonly #context: ProbeContext;
  readonly #made = new Map<string, Promise<Observation>>();
  readonly #traces = new Map<string, Promise<FlowTrace>>();
  readonly #browsers = new Browsers();
  #engine: Promise<PacketEngine> | undefined;

  /** `known`: what this run has observed already, by a prober before this one. */
  constructor(context: ProbeContext, known: readonly Observation[] = []) {
    this.#context = context;
    for (const observation of known) this.#made.set(observation.id, Promise.resolve(observation));
  }

  /** Observations of all probes, in their order. */
  async observe(probes: readonly Probe[]): Promise<Observation[]> {
    for (const probe of probes) if (probe.kind === "packets") await this.#once(probe);
    const services = probes.filter(({ kind }) => kind !== "packets" && kind !== "trial");
    for (let at = 0; at < services.length; at += SERVICES_AT_ONCE) {
      await Promise.all(services.slice(at, at + SERVICES_AT_ONCE).map((probe) => this.#once(probe)));
    }
    for (const probe of probes) if (probe.kind === "trial") await this.#once(probe);
    return Promise.all(probes.map((probe) => this.#once(probe)));
  }

  /** Sends a flow of a packet observation once more and watches it; its frames become files in the run's folder. */
  async trace({ id, from, to, source, dest, forged }: PacketObservation, key: FlowKey): Promise<FlowTrace> {
    const flow = `${id} ${key}`;
    const known = this.#traces.get(flow);
    if (known) return known;
    const probe = {
      kind: "packets",
      id: `trace ${flow}`,
      from,
      to,
      source,
      dest,
      forged,
      keys: [key],
    } as const;
    const traced = traceFlow(this.#context, probe);
    this.#traces.set(flow, traced);
    return traced;
  }

  async close(): Promise<void> {
    (await this.#engine)?.close();
    await this.#browsers.close();
  }

  /** Observations that were asked for before; a TypeError for one that was not: a defect of the control. */
  #known(ids: readonly string[]): Promise<Observation[]> {
    return Promise.all(
      ids.map((id) => this.#made.get(id) ?? Promise.reject(new TypeError(`no probe ${id} before`))),
    );
  }

  #once(probe: Probe): Promise<Observation> {
    const known = this.#made.get(probe.id);
    if (known) return known;
    const made = this.#make(probe);
    this.#made.set(probe.id, made);
    return made;
  }

  async #make(probe: Probe): Promise<Observation> {
    const { lab, places } = this.#context;
    switch (probe.kind) {
      case "packets":
        forgetReverse(lab, probe);
        this.#engine ??= PacketEngine.open(lab, places);
        return (await this.#engine).observe(probe);
      case "tcp":
        return observeTcp(lab, probe);
      case "dns":
        return observeDns(lab, probe);
      case "questions":
        return observeQuestions(lab, probe);
      case "upstream":
        return observeUpstream(this.#context, probe);
      case "http":
        return probe.version === "h2"
          ? observeHttp2(this.#context, probe)
          : observeHttp(this.#context, probe);
      case "hello":
        return observeHello(this.#context, probe);
      case "raw":
        return observeRaw(this.#context, probe);
      case "receipts":
        return observeReceipts(this.#context, probe, await this.#known(probe.of));
      case "forwarding":
        return observeForwarding(this.#context, probe);
      case "tls":
        return observeTls(this.#context, probe);
      case "browser":
        return observeBrowser(this.#context, this.#browsers, probe);
      case "path":
        return observePath(this.#context, probe);
      case "acme":
        return observeObtain(this.#context, probe);
      case "orders":
        return observeOrders(this.#context, probe);
      case "record":
        return observeRecord(this.#context, probe);
      case "trial":
        return observeTrial(this.#context, probe);
    }
  }
}
