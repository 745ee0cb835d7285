import { join } from "node:path";
import { locateComponents } from "../components/components.ts";
import { debianVersions } from "../components/debian.ts";
import type { Component } from "../components/store.ts";
import { HarnessError } from "../errors.ts";
import { answersSoa, exchangeHttp } from "../lab/exchange.ts";
import {
  copyIntoLab,
  labFileExists,
  lastLines,
  missingLabFile,
  readLabFile,
  removeLabFile,
  writeLabFile,
} from "../lab/files.ts";
import { LAB_ROOT, type Lab } from "../lab/lab.ts";
import { loadRules, saveRules } from "../lab/netfilter.ts";
import {
  createNamespaces,
  differingSysctl,
  interfaces,
  namespaceExists,
  removeNamespaces,
  runBatches,
  tcpListeners,
  writeSysctls,
} from "../lab/network.ts";
import { type Daemon, endDaemon, isRunning, startDaemon } from "../lab/process.ts";
import { awaitReady, BOUND } from "../lab/waits.ts";
import { createKeys, ecKeys, keyPaths, toPem } from "./keys.ts";
import { digestOf, type LiveResource } from "./plan.ts";
import type { CertificateSpec, Plan, Readiness, Resource, Step } from "./resource.ts";
import { orderOf } from "./token.ts";

type Of<K extends Resource["kind"]> = Extract<Resource, { kind: K }>;

/** What the lab remembers of an applied resource, in its own tmpfs. */
interface Applied {
  readonly resource: Resource;
  readonly digest: string;
  /** A service's process. */
  readonly daemon?: Daemon;
  /** The rules as the kernel printed them right after they were loaded. */
  readonly saved?: string;
}

/** Paths of what `{traefik}`, `{step-ca}`, `{node}` and `{identity-server}` stand for in a service's argv. */
export type Programs = Readonly<Record<string, string>>;

/** Paths of the programs that a lab's services run, from the components' own. */
export function programsOf(components: readonly Pick<Component, "name" | "path">[]): Programs {
  const paths = components.map(({ name, path }): [string, string] => [name, path]);
  return { ...Object.fromEntries(paths), node: process.execPath, "identity-server": IDENTITY_SERVER };
}

/** Traefik and Step-CA, their digests just read. Throws `component-missing`, `component-digest`. */
export const componentsHere: () => Promise<Component[]> = locateComponents;

/** What of Debian's runs beside them, with the digests of its programs. */
export const packagesHere: () => Promise<Component[]> = debianVersions;

/** Called as each step ends. */
export type OnStep = (step: Step, durationMs: number) => void;

const STATE = `${LAB_ROOT}/state.json`;
/** There from before the first step of an `apply` until after its last. */
const UNFINISHED = `${LAB_ROOT}/unfinished`;

/** Whether an `apply` failed or was killed half-way: what the lab holds is then not all recorded, so it is built anew. */
export function isUnfinished(lab: Lab): boolean {
  return labFileExists(lab, UNFINISHED);
}

/** What the lab holds now, read back from the kernel, the files and the processes. */
export async function readLive(lab: Lab): Promise<Map<string, LiveResource>> {
  const live = new Map<string, LiveResource>();
  for (const [key, applied] of readState(lab)) {
    const drift = await driftOf(lab, applied);
    const { resource, digest } = applied;
    live.set(key, { resource, digest, ...(drift === undefined ? {} : { drift }) });
  }
  return live;
}

/** The services' processes, as the lab remembers them. */
export function serviceProcesses(lab: Lab): { readonly service: string; readonly daemon: Daemon }[] {
  return [...readState(lab).values()].flatMap(({ resource, daemon }) =>
    resource.kind === "service" && daemon ? [{ service: resource.name, daemon }] : [],
  );
}

/** What could differ though the declaration does not; `undefined` where all is as it was applied. */
async function driftOf(lab: Lab, applied: Applied): Promise<string | undefined> {
  const { resource } = applied;
  switch (resource.kind) {
    case "namespace": {
      if (!namespaceExists(lab, resource.name)) return "the namespace is gone";
      const differs = differingSysctl(lab, resource.name, resource.sysctls);
      return differs && `${differs} live`;
    }
    case "firewall":
      return (await saveRules(lab, resource.namespace)) === applied.saved
        ? undefined
        : "the live rules differ";
    case "links": {
      const names = interfaces(lab, "host");
      const gone = resource.devices.find((device) => !names.has(device));
      return gone && `device ${gone} is gone`;
    }
    case "file":
      return sameFile(lab, resource) ? undefined : "the file was edited";
    case "copy":
      return missingLabFile(lab, [resource.to]);
    case "keys":
      return missingLabFile(lab, keyPaths(resource.spec));
    case "certificate":
      return missingLabFile(lab, [resource.spec.certPath, resource.spec.keyPath]);
    case "service":
      return applied.daemon && isRunning(lab, applied.daemon) ? undefined : "the process is gone";
  }
}

/**
 * Does a plan's steps: namespaces, then rules and files, then links (so that no link is up before its rules are), then
 * services, each as soon as what it needs is ready. Throws HarnessError where a step fails; the lab is then unfinished.
 */
export async function apply(
  lab: Lab,
  plan: Plan,
  programs: Programs,
  onStep: OnStep = () => {},
): Promise<void> {
  const state = readState(lab);
  const steps = plan.filter(({ action }) => action !== "remove");
  const of = <K extends Resource["kind"]>(kind: K) =>
    steps.filter((step): step is Step & { resource: Of<K> } => step.resource.kind === kind);
  const done = (step: Step, sinceMs: number, more: Partial<Applied> = {}) => {
    const { resource } = step;
    state.set(resource.key, { resource, digest: digestOf(resource), ...more });
    onStep(step, performance.now() - sinceMs);
  };
  writeLabFile(lab, UNFINISHED, "", 0o600);
  try {
    await stopServices(lab, plan, state);
    await removeOthers(lab, plan, state, onStep);
    await applyNamespaces(lab, of("namespace"), done);
    await Promise.all([
      applyFirewall(lab, of("firewall"), done),
      applyFiles(lab, [...of("copy"), ...of("keys"), ...of("file")], done),
    ]);
    await applyLinks(lab, of("links"), done);
    await applyServices(lab, [...of("certificate"), ...of("service")], programs, done);
  } catch (cause) {
    throw stands(lab) ? cause : gone(lab, cause);
  } finally {
    if (stands(lab)) writeLabFile(lab, STATE, JSON.stringify(Object.fromEntries(state)), 0o600);
  }
  removeLabFile(lab, UNFINISHED);
}

function stands(lab: Lab): boolean {
  return labFileExists(lab, LAB_ROOT);
}

function gone({ name }: Lab, cause: unknown): HarnessError {
  const detail = { subject: `lab ${name}`, expected: "to stand until its converge ends", actual: "none" };
  return new HarnessError("lab-gone", detail, { cause });
}

type Done = (step: Step, sinceMs: number, more?: Partial<Applied>) => void;

async function stopServices(lab: Lab, plan: Plan, state: Map<string, Applied>): Promise<void> {
  const daemons = plan.flatMap(({ resource }) => state.get(resource.key)?.daemon ?? []);
  await Promise.all(daemons.map((daemon) => endDaemon(lab, daemon)));
}

async function removeOthers(
  lab: Lab,
  plan: Plan,
  state: Map<string, Applied>,
  onStep: OnStep,
): Promise<void> {
  // The links first: those of a namespace that is deleted go only some time later, and their peers' names with them.
  const links = plan.flatMap(({ resource }) => state.get(resource.key)?.resource ?? []).toReversed();
  for (const before of links) if (before.kind === "links") await runBatches(lab, before.remove, true);
  for (const step of plan) {
    const since = performance.now();
    const { action, resource } = step;
    const before = state.get(resource.key)?.resource;
    if (before?.kind === "namespace") await removeNamespaces(lab, [before.name]);
    if (action !== "remove") continue;
    for (const path of pathsOf(resource)) removeLabFile(lab, path);
    state.delete(resource.key);
    onStep(step, performance.now() - since);
  }
}

/** Files that go with what is no longer declared. */
function pathsOf(resource: Resource): readonly string[] {
  if (resource.kind === "file") return [resource.path];
  if (resource.kind === "copy") return [resource.to];
  return resource.kind === "certificate" ? [resource.spec.certPath, resource.spec.keyPath] : [];
}

async function applyNamespaces(
  lab: Lab,
  steps: (Step & { resource: Of<"namespace"> })[],
  done: Done,
): Promise<void> {
  if (steps.length === 0) return;
  const since = performance.now();
  await createNamespaces(
    lab,
    steps.map(({ resource }) => resource.name),
  );
  for (const step of steps) {
    writeSysctls(lab, step.resource.name, step.resource.sysctls);
    done(step, since);
  }
}

async function applyFirewall(
  lab: Lab,
  steps: (Step & { resource: Of<"firewall"> })[],
  done: Done,
): Promise<void> {
  for (const step of steps) {
    const since = performance.now();
    await loadRules(lab, step.resource.namespace, step.resource);
    done(step, since, { saved: await saveRules(lab, step.resource.namespace) });
  }
}

/* In their order: a file may hold what a key's file says. */
async function applyFiles(
  lab: Lab,
  steps: (Step & { resource: Of<"copy"> | Of<"keys"> | Of<"file"> })[],
  done: Done,
): Promise<void> {
  for (const step of steps) {
    const since = performance.now();
    await writeResource(lab, step.resource);
    done(step, since);
  }
}

async function writeResource(lab: Lab, resource: Of<"copy"> | Of<"keys"> | Of<"file">): Promise<void> {
  switch (resource.kind) {
    case "copy":
      return copyIntoLab(lab, resource.from, resource.to);
    case "file":
      return writeLabFile(lab, resource.path, expand(lab, resource));
    case "keys": {
      const made = await createKeys(resource.spec, new Date());
      for (const { path, content, mode } of made) writeLabFile(lab, path, content, mode);
    }
  }
}

async function applyLinks(lab: Lab, steps: (Step & { resource: Of<"links"> })[], done: Done): Promise<void> {
  if (steps.length === 0) return;
  const since = performance.now();
  await runBatches(
    lab,
    steps.flatMap(({ resource }) => resource.create),
  );
  for (const step of steps) done(step, since);
}

/** Starts each as soon as what it reads and what it comes after is done. */
async function applyServices(
  lab: Lab,
  steps: (Step & { resource: Of<"certificate"> | Of<"service"> })[],
  programs: Programs,
  done: Done,
): Promise<void> {
  const byKey = new Map(steps.map((step) => [step.resource.key, step]));
  const started = new Map<string, Promise<void>>();
  const start = (key: string): Promise<void> => {
    const step = byKey.get(key);
    if (!step) return Promise.resolve();
    const running = started.get(key) ?? perform(step);
    started.set(key, running);
    return running;
  };
  const perform = async (step: Step & { resource: Of<"certificate"> | Of<"service"> }) => {
    const { resource } = step;
    const before = resource.kind === "service" ? [...resource.reads, ...resource.after] : ["service step-ca"];
    await Promise.all(before.map(start));
    const since = performance.now();
    if (resource.kind === "certificate") {
      await issue(lab, resource.spec);
      done(step, since);
    } else {
      const daemon = await startService(lab, resource, programs);
      done(step, since, { daemon });
    }
  };
  const results = await Promise.allSettled(steps.map(({ resource }) => start(resource.key)));
  const failed = results.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
}

async function startService(lab: Lab, service: Of<"service">, programs: Programs): Promise<Daemon> {
  const argv = service.argv.map((word) =>
    word.replace(/^\{(.+)\}$/, (_all, name: string) => programs[name] ?? name),
  );
  const { namespace, log, resolvConf } = service;
  writeLabFile(lab, log, readLabFile(lab, log) ?? "");
  const daemon = await startDaemon(lab, namespace, argv, { log, resolvConf });
  const words = () =>
    `${isRunning(lab, daemon) ? "it runs, and says" : "it ended, and said"}: ${lastLines(lab, log)}`;
  const bound = service.ready.kind === "certificates" ? BOUND.certificatesMs : BOUND.serverReadyMs;
  const look = async () => {
    if (!isRunning(lab, daemon)) return "ended" as const;
    return (await isReady(lab, namespace, service.ready)) ? ("ready" as const) : undefined;
  };
  try {
    const seen = await awaitReady(service.name, "to be ready", look, bound, words);
    if (seen === "ready") return daemon;
    throw new HarnessError("not-ready", { subject: service.name, expected: "to be ready", actual: words() });
  } catch (fault) {
    // Nobody remembers it, and the next one finds its ports taken. In a lab that is gone there is none to end.
    await endDaemon(lab, daemon).catch(() => {});
    throw fault;
  }
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
      if (!tcpListeners(lab, namespace).has(`${ready.address}:${ready.port}`)) return false;
      const tls = { servername: ready.name, roots: readLabFile(lab, ready.root) ?? "" };
      const { address, port } = ready;
      const health = exchangeHttp(lab, namespace, { address, port, path: "/health", tls }, BOUND.exchangeMs);
      return health.then(
        ({ status }) => status === 200,
        () => false,
      );
    }
    case "certificates":
      return holdsCertificates(lab, namespace, ready.api, ready.names);
  }
}

/** One look; a query that is lost while the server starts is asked again. */
const DNS_LOOK_MS = 50;

async function holdsCertificates(
  lab: Lab,
  namespace: string,
  api: number,
  names: readonly string[],
): Promise<boolean> {
  const listens = tcpListeners(lab, namespace);
  if (!listens.has(`127.0.0.1:${api}`)) return false;
  const asked = { address: "127.0.0.1", port: api, path: "/api/certificates?per_page=1000" };
  const answer = await exchangeHttp(lab, namespace, asked, BOUND.exchangeMs).catch(() => undefined);
  if (answer?.status !== 200) return false;
  const held = (JSON.parse(answer.body) as { sans?: string[] }[]).flatMap(({ sans }) => sans ?? []);
  return names.every((name) => held.includes(name));
}

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

/** The file's whole text: its one word that only the lab knows (a key it made) in its place. */
function expand(lab: Lab, { content, insert }: Of<"file">): string {
  return insert ? content.replace(insert.word, () => readLabFile(lab, insert.path) ?? insert.word) : content;
}

function sameFile(lab: Lab, file: Of<"file">): boolean {
  return readLabFile(lab, file.path) === expand(lab, file);
}

function readState(lab: Lab): Map<string, Applied> {
  const applied = JSON.parse(readLabFile(lab, STATE) ?? "{}") as Record<string, Applied>;
  return new Map(Object.entries(applied));
}

/** The identity server's script, for `{identity-server}`. */
const IDENTITY_SERVER = join(import.meta.dirname, "..", "lab", "identity-server.ts");
