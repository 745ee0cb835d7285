import { HarnessError } from "../errors.ts";
import { answersSoa, exchangeHttp } from "../lab/exchange.ts";
import { lastLines, readLabFile, removeLabFile, writeLabFile } from "../lab/files.ts";
import type { Lab } from "../lab/lab.ts";
import { tcpListeners } from "../lab/network.ts";
import { type Daemon, endDaemon, isRunning, run, signal, startDaemon } from "../lab/process.ts";
import { awaitReady, BOUND } from "../lab/waits.ts";
import { ecKeys, toPem } from "./keys.ts";
import { JAIL_WORDS } from "./operator/jail.ts";
import { refusalFile } from "./operator/operated.ts";
import type { CertificateSpec, Readiness, Resource, Step } from "./resource.ts";
import { orderOf } from "./token.ts";

type Of<K extends Resource["kind"]> = Extract<Resource, { kind: K }>;

/** Paths of what `{traefik}`, `{step-ca}`, `{node}` and `{identity-server}` stand for in a service's argv. */
export type Programs = Readonly<Record<string, string>>;

type Acted = Step & { readonly resource: Of<"file"> | Of<"certificate"> | Of<"service"> };

/** How steps are acted on, and remembered. */
interface Acts {
  readonly programs: Programs;
  /** The process of a service that stands. */
  readonly daemonOf: (service: Resource) => Daemon | undefined;
  readonly write: (file: Of<"file">) => void;
  readonly done: (step: Step, sinceMs: number, more?: { readonly daemon: Daemon }) => void;
}

/** Starts or reloads each as soon as what it reads and what it comes after is done. */
export async function applyServices(lab: Lab, steps: readonly Acted[], acts: Acts): Promise<void> {
  const byKey = new Map(steps.map((step) => [step.resource.key, step]));
  const started = new Map<string, Promise<void>>();
  const start = (key: string): Promise<void> => {
    const step = byKey.get(key);
    if (!step) return Promise.resolve();
    const running = started.get(key) ?? perform(step);
    started.set(key, running);
    return running;
  };
  const perform = async (step: Acted) => {
    await Promise.all(beforeIt(step.resource).map(start));
    if (step.resource.kind === "service") {
      // What it watches comes in its turn, after what it comes after.
      await Promise.all((step.resource.reload?.reads ?? []).map(start));
    }
    await act(lab, step, acts);
  };
  // A file waits for the server that watches it: every other step is begun here.
  const begun = steps.filter(({ resource }) => resource.kind !== "file");
  const results = await Promise.allSettled(begun.map(({ resource }) => start(resource.key)));
  const failed = results.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
}

function beforeIt(resource: Acted["resource"]): readonly string[] {
  switch (resource.kind) {
    case "file":
      return [];
    case "certificate":
      return ["service step-ca"];
    case "service":
      return [...resource.reads, ...resource.after];
  }
}

async function act(lab: Lab, step: Acted, { programs, daemonOf, write, done }: Acts): Promise<void> {
  const { action, resource } = step;
  const since = performance.now();
  switch (resource.kind) {
    case "file":
      write(resource);
      return done(step, since);
    case "certificate":
      await issue(lab, resource.spec);
      return done(step, since);
    case "service": {
      const standing = action === "reload" ? daemonOf(resource) : undefined;
      const daemon = standing ?? (await startService(lab, resource, programs));
      if (standing) await reloadService(lab, resource, standing);
      return done(step, since, daemon && { daemon });
    }
  }
}

/** Has it take up what changed, and waits until it serves that. Throws `lab-command` where its own check refuses a file, `not-ready`. */
async function reloadService(lab: Lab, service: Of<"service">, daemon: Daemon): Promise<void> {
  const { namespace, reload } = service;
  if (reload?.check) await run(lab, namespace, reload.check);
  const said = reload?.said && { line: new RegExp(reload.said.line, "m"), ...textIn(lab, reload.said.log) };
  if (reload?.signal) await signal(lab, daemon, reload.signal);
  const hasSaid = () => !said || said.line.test((readLabFile(lab, said.log) ?? "").slice(said.before));
  await untilReady(
    lab,
    service,
    daemon,
    async () => hasSaid() && (await isReady(lab, namespace, service.ready)),
  );
}

function textIn(lab: Lab, log: string): { log: string; before: number } {
  return { log, before: (readLabFile(lab, log) ?? "").length };
}

/** Undefined where it refuses the operator's own files, which is told in its `refusalFile`. */
async function startService(
  lab: Lab,
  service: Of<"service">,
  programs: Programs,
): Promise<Daemon | undefined> {
  const argv = service.argv.map((word) =>
    word.replace(/^\{(.+)\}$/, (_all, name: string) => programs[name] ?? name),
  );
  const { namespace, log, resolvConf } = service;
  const before = readLabFile(lab, log) ?? "";
  writeLabFile(lab, log, before);
  removeLabFile(lab, refusalFile(log));
  const daemon = await startDaemon(lab, namespace, argv, { log, resolvConf });
  try {
    await untilReady(lab, service, daemon, () => isReady(lab, namespace, service.ready));
    return daemon;
  } catch (fault) {
    if (service.operator && isRunning(lab, daemon)) return daemon;
    // Nobody remembers it, and the next one finds its ports taken. In a lab that is gone there is none to end.
    await endDaemon(lab, daemon).catch(() => {});
    const words = readLabFile(lab, log)?.slice(before.length).trim();
    if (!service.operator || !words || JAIL_WORDS.test(words)) throw fault;
    const { operator, ...own } = service;
    const other =
      operator.otherwise && (await startService(lab, { ...own, argv: operator.otherwise }, programs));
    writeLabFile(lab, refusalFile(log), words);
    return other;
  }
}

async function untilReady(
  lab: Lab,
  { name, log, ready }: Of<"service">,
  daemon: Daemon,
  isServing: () => Promise<boolean>,
): Promise<void> {
  const words = () =>
    `${isRunning(lab, daemon) ? "it runs, and says" : "it ended, and said"}: ${lastLines(lab, log)}`;
  const bound =
    ready.kind === "certificates"
      ? BOUND.certificatesMs
      : ready.kind === "operator"
        ? BOUND.operatorMs
        : BOUND.serverReadyMs;
  const look = async () => {
    if (!isRunning(lab, daemon)) return "ended" as const;
    return (await isServing()) ? ("ready" as const) : undefined;
  };
  const seen = await awaitReady(name, "to be ready", look, bound, words);
  if (seen === "ready") return;
  throw new HarnessError("not-ready", { subject: name, expected: "to be ready", actual: words() });
}

async function isReady(lab: Lab, namespace: string, ready: Readiness): Promise<boolean> {
  switch (ready.kind) {
    case "tcp":
      return ready.listeners.every((listener) => {
        const [endpoint = "", place = namespace] = listener.split("@");
        return tcpListeners(lab, place).has(endpoint);
      });
    case "dns":
      return answersSoa(lab, namespace, ready.server, ready.name, DNS_LOOK_MS);
    case "ca": {
      if (!listensAt(lab, namespace, ready.address, ready.port)) return false;
      const tls = { servername: ready.name, roots: readLabFile(lab, ready.root) ?? "" };
      const { address, port } = ready;
      const health = exchangeHttp(lab, namespace, { address, port, path: "/health", tls }, BOUND.exchangeMs);
      return health.then(
        ({ status }) => status === 200,
        () => false,
      );
    }
    case "certificates":
      return serves(lab, namespace, ready);
    case "operator": {
      const { api, names } = ready;
      if (api === undefined) return tcpListeners(lab, namespace).size > 0;
      return (
        listensAt(lab, namespace, "127.0.0.1", api) &&
        holds(await askTraefik(lab, namespace, api, CERTIFICATES), names)
      );
    }
  }
}

function listensAt(lab: Lab, namespace: string, address: string, port: number): boolean {
  const listeners = tcpListeners(lab, namespace);
  return listeners.has(`${address}:${port}`) || listeners.has(`0.0.0.0:${port}`);
}

const CERTIFICATES = "/api/certificates?per_page=1000";

async function askTraefik(lab: Lab, namespace: string, port: number, path: string): Promise<unknown> {
  const asked = { address: "127.0.0.1", port, path };
  const answer = await exchangeHttp(lab, namespace, asked, BOUND.exchangeMs).catch(() => undefined);
  return answer?.status === 200 ? JSON.parse(answer.body) : undefined;
}

function holds(certificates: unknown, names: readonly string[]): boolean {
  if (!Array.isArray(certificates)) return false;
  const held = new Set((certificates as { sans?: string[] }[]).flatMap(({ sans }) => sans ?? []));
  return names.every((name) => held.has(name));
}

/** One look; a query that is lost while the server starts is asked again. */
const DNS_LOOK_MS = 50;

async function serves(
  lab: Lab,
  namespace: string,
  { api, names, routes }: Extract<Readiness, { kind: "certificates" }>,
): Promise<boolean> {
  if (!tcpListeners(lab, namespace).has(`127.0.0.1:${api}`)) return false;
  if (!holds(await askTraefik(lab, namespace, api, CERTIFICATES), names)) return false;
  const routed = routedBy((await askTraefik(lab, namespace, api, "/api/rawdata")) as RawData | undefined);
  return routed.length === routes.length && routed.every((route) => routes.includes(route));
}

interface RawData {
  readonly routers?: Readonly<Record<string, { readonly rule?: string; readonly service?: string }>>;
  readonly services?: Readonly<
    Record<string, { readonly loadBalancer?: { readonly servers?: readonly { readonly url?: string }[] } }>
  >;
}

/** `RULE > URL` of each router that the file declares. */
function routedBy({ routers = {}, services = {} }: RawData = {}): string[] {
  return Object.entries(routers)
    .filter(([name]) => name.endsWith(FROM_FILE))
    .map(([, { rule = "", service = "" }]) => {
      const servers = services[`${service}${FROM_FILE}`]?.loadBalancer?.servers ?? [];
      return `${rule} > ${servers.map(({ url = "" }) => url).join(", ")}`;
    });
}

const FROM_FILE = "@file";

/** Asks Step-CA for a backend's certificate, from inside the CA's own guest: no firewall rule is needed for that. */
async function issue(lab: Lab, spec: CertificateSpec): Promise<void> {
  const keys = ecKeys();
  const order = orderOf(spec, keys, readLabFile(lab, spec.provisionerKeyPath) ?? "", new Date());
  const tls = { servername: spec.caName, roots: readLabFile(lab, spec.rootPath) ?? "" };
  const answer = await exchangeHttp(lab, spec.caNamespace, { ...order, tls }, BOUND.exchangeMs);
  if (answer.status !== 201) {
    const actual = `status ${answer.status}: ${answer.body.slice(0, 300)}`;
    const subject = `certificate for ${spec.name}`;
    throw new HarnessError("not-ready", { subject, expected: "201 from Step-CA", actual });
  }
  const { crt, ca } = JSON.parse(answer.body) as { crt: string; ca: string };
  writeLabFile(lab, spec.certPath, crt + ca);
  writeLabFile(lab, spec.keyPath, toPem(keys), 0o600);
}
