import { join } from "node:path";
import { locateComponents } from "../components/components.ts";
import { debianVersions } from "../components/debian.ts";
import type { Component } from "../components/store.ts";
import { HarnessError } from "../errors.ts";
import {
  copyIntoLab,
  labFileExists,
  missingLabFile,
  readLabFile,
  removeLabFile,
  replaceLabFile,
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
  writeSysctls,
} from "../lab/network.ts";
import { type Daemon, endDaemon, isRunning } from "../lab/process.ts";
import { heldElsewhere, prunedStore } from "./acme-store.ts";
import { applyServices, type Programs } from "./apply-services.ts";
import { createEdgeCertificate, createKeys, keyPaths } from "./keys.ts";
import { refusalFile } from "./operator/operated.ts";
import { digestOf, type LiveResource } from "./plan.ts";
import type { EdgeCertificateSpec, Plan, Resource, Step } from "./resource.ts";

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

export type { Programs };

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
    case "edge-certificate":
    case "certificate":
      return missingLabFile(lab, [resource.spec.certPath, resource.spec.keyPath]);
    case "acme-store": {
      const other = heldElsewhere(resource, readLabFile(lab, resource.path) ?? "{}");
      return other && `it holds a certificate for ${other}`;
    }
    case "service":
      if (applied.daemon === undefined && resource.operator && labFileExists(lab, refusalFile(resource.log)))
        return undefined;
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
    const services = of("service");
    const watched = new Set(services.flatMap(({ resource }) => watchedBy(resource)));
    const [late, files] = partition(of("file"), ({ resource }) => watched.has(resource.key));
    const made = [...of("copy"), ...of("keys"), ...of("edge-certificate"), ...of("acme-store"), ...files];
    await Promise.all([applyFirewall(lab, of("firewall"), done), applyFiles(lab, made, done)]);
    await applyLinks(lab, of("links"), done);
    const daemonOf = ({ key }: Resource) => state.get(key)?.daemon;
    const write = (file: Of<"file">) => replaceLabFile(lab, file.path, expand(lab, file));
    const acts = { programs, daemonOf, write, done };
    await applyServices(lab, [...late, ...of("certificate"), ...services], acts);
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

/** What a server watches is written in its turn: earlier it would order what Step-CA and the DNS do not know yet. */
function watchedBy({ reload }: Of<"service">): readonly string[] {
  return reload && reload.signal === undefined ? reload.reads : [];
}

function partition<T>(all: readonly T[], is: (each: T) => boolean): readonly [T[], T[]] {
  return [all.filter(is), all.filter((each) => !is(each))];
}

async function stopServices(lab: Lab, plan: Plan, state: Map<string, Applied>): Promise<void> {
  const ended = plan.filter(({ action }) => action !== "reload");
  const daemons = ended.flatMap(({ resource }) => state.get(resource.key)?.daemon ?? []);
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
  return resource.kind === "certificate" || resource.kind === "edge-certificate"
    ? [resource.spec.certPath, resource.spec.keyPath]
    : [];
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

type Written = Of<"copy"> | Of<"keys"> | Of<"edge-certificate"> | Of<"acme-store"> | Of<"file">;

/* In their order: a file may hold what a key's file says. */
async function applyFiles(lab: Lab, steps: (Step & { resource: Written })[], done: Done): Promise<void> {
  for (const step of steps) {
    const since = performance.now();
    await writeResource(lab, step.resource);
    done(step, since);
  }
}

async function writeResource(lab: Lab, resource: Written): Promise<void> {
  switch (resource.kind) {
    case "copy":
      return copyIntoLab(lab, resource.from, resource.to);
    case "file":
      return writeLabFile(lab, resource.path, expand(lab, resource));
    case "keys": {
      const made = await createKeys(resource.spec, new Date());
      for (const { path, content, mode } of made) writeLabFile(lab, path, content, mode);
      return;
    }
    case "edge-certificate":
      return certifyEdge(lab, resource.spec);
    case "acme-store": {
      const pruned = prunedStore(resource, readLabFile(lab, resource.path) ?? "{}");
      if (pruned !== undefined) writeLabFile(lab, resource.path, pruned, 0o600);
    }
  }
}

function certifyEdge(lab: Lab, spec: EdgeCertificateSpec): void {
  const read = (path: string) => readLabFile(lab, path);
  const own = read(spec.keyPath);
  const keys = { root: read(spec.rootPath) ?? "", rootKey: read(spec.rootKeyPath) ?? "" };
  const made = createEdgeCertificate(spec, own === undefined ? keys : { ...keys, own }, new Date());
  for (const { path, content, mode } of made) writeLabFile(lab, path, content, mode);
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
