import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, chromium, type Page, type Response } from "@playwright/test";
import type { Lab } from "../lab/lab.ts";
import { enter, run } from "../lab/process.ts";
import { BOUND } from "../lab/waits.ts";
import type { ProbeContext } from "./context.ts";
import type { ServiceObservation } from "./observation.ts";
import type { BrowserProbe } from "./probe.ts";

/** A Chromium for each vantage point, root and set of zones: it starts once, however many pages it opens. */
export class Browsers {
  readonly #open = new Map<string, Promise<Browser>>();
  readonly #folders: string[] = [];

  of(context: ProbeContext, probe: BrowserProbe): Promise<Browser> {
    const { from, roots, zones } = probe;
    const key = [from, roots, ...zones].join(" ");
    const known = this.#open.get(key) ?? this.#launch(context, probe);
    this.#open.set(key, known);
    return known;
  }

  async #launch(
    { lab, roots }: ProbeContext,
    { from, roots: trusted, zones }: BrowserProbe,
  ): Promise<Browser> {
    const folder = mkdtempSync(join(tmpdir(), "phx-browser-"));
    this.#folders.push(folder);
    const home = `/run/phx/browser-${from}-${trusted}`;
    await trustOnly(lab, home, roots[trusted]);
    const executablePath = wrapper(lab, from, home, folder);
    return chromium.launch({ executablePath, args: flags(zones), timeout: BOUND.browserMs });
  }

  /** Also where one never started. */
  async close(): Promise<void> {
    for (const started of await Promise.allSettled(this.#open.values()))
      if (started.status === "fulfilled") await started.value.close();
    for (const folder of this.#folders) rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * A page in Chromium inside a place's namespaces, trusting the one root of `roots` alone, with a profile of its own; the
 * screenshot goes to the run's folder. It dies with the lab. Facts: `redirects`, a line `STATUS FROM > TO` for each that was
 * followed, and `insecure`, what the page asked for over plain http once it was there.
 */
export async function observeBrowser(
  context: ProbeContext,
  browsers: Browsers,
  probe: BrowserProbe,
): Promise<ServiceObservation> {
  const { id, from, url } = probe;
  const host = new URL(url).hostname;
  const common = { kind: "browser", id, from, to: host, request: `Chromium opens ${url}` } as const;
  let page: Page | undefined;
  try {
    page = await (await browsers.of(context, probe)).newPage({ viewport: { width: 960, height: 540 } });
    return { ...common, ...(await visited(page, url, context.folder, `${from}-${host}.png`)) };
  } catch (error) {
    const message = String(error).split("\n")[0] ?? "";
    const refused = /net::ERR_[A-Z_]+/.exec(message)?.[0];
    if (refused) return { ...common, outcome: "answered", answer: refused, facts: { error: refused } };
    return { ...common, outcome: "unknown", answer: "the browser failed", reason: message, facts: {} };
  } finally {
    await page?.context().close();
  }
}

type Seen = Pick<ServiceObservation, "outcome" | "answer" | "facts" | "attachments">;

async function visited(page: Page, url: string, folder: string, screenshot: string): Promise<Seen> {
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  const response = await page.goto(url, { timeout: BOUND.browserMs });
  const security = await response?.securityDetails();
  const named = page.locator("#guest").textContent({ timeout: BOUND.exchangeMs });
  const guest = (await named.catch(() => "")) ?? "";
  await page.screenshot({ path: join(folder, screenshot) });
  const status = response?.status() ?? 0;
  const redirects = await redirectsTo(response);
  const facts = {
    status,
    guest,
    url: page.url(),
    title: await page.title(),
    issuer: security?.issuer ?? "",
    protocol: security?.protocol ?? "",
    redirects,
    insecure: asked.slice(redirects.length).filter((each) => each.startsWith("http:")),
  };
  const way = redirects.length ? `after ${redirects.length} redirect to ${facts.url}, ` : "";
  const answer = `${way}${status}, page of guest ${guest || "none"}, certificate by ${facts.issuer || "nobody"}`;
  return { outcome: "answered", answer, facts, attachments: [screenshot] };
}

async function redirectsTo(response: Response | null): Promise<string[]> {
  const followed: string[] = [];
  for (let to = response?.request(); to; to = to.redirectedFrom() ?? undefined) {
    const from = to.redirectedFrom();
    if (from) followed.unshift(`${(await from.response())?.status() ?? 0} ${from.url()} > ${to.url()}`);
  }
  return followed;
}

/** An NSS database in a throwaway HOME with one trusted root, certutil(1). */
async function trustOnly(lab: Lab, home: string, roots: string): Promise<void> {
  const database = `${home}/.pki/nssdb`;
  const script = `rm -rf ${home} && mkdir -p ${database} && certutil -N --empty-password -d sql:${database} &&
certutil -A -d sql:${database} -n trusted -t C,, -i ${roots}`;
  await run(lab, undefined, ["sh", "-ec", script]);
}

/* An executable that Playwright can start: Chromium in the lab's PID, mount and network namespace, with that place's DNS.
   Its profile folder is Playwright's own, below the system's temporary folder, which the lab shares. */
function wrapper(lab: Lab, from: string, home: string, folder: string): string {
  const path = join(folder, "chromium");
  const resolv = `/run/phx/${from}/resolv.conf`;
  const view = `mount --bind ${resolv} "$(readlink -m /etc/resolv.conf)" && exec env HOME=${home} TMPDIR=${home} /usr/bin/chromium "$@"`;
  const argv = [
    ...enter(lab, from),
    "unshare",
    "--mount",
    "--propagation",
    "private",
    "sh",
    "-c",
    view,
    "sh",
  ];
  writeFileSync(path, `#!/bin/sh\nexec ${argv.map(quoted).join(" ")} "$@"\n`);
  chmodSync(path, 0o755);
  return path;
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/* Only names of these zones resolve: Chromium's background look-ups stop there. */
function flags(zones: readonly string[]): string[] {
  return [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    `--host-resolver-rules=${["MAP * ~NOTFOUND", ...zones.map((zone) => `EXCLUDE *.${zone}`)].join(" , ")}`,
  ];
}
