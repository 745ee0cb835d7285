import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "@playwright/test";
import type { Lab } from "../lab/lab.ts";
import { enter, run } from "../lab/process.ts";
import { BOUND } from "../lab/waits.ts";
import type { ProbeContext } from "./context.ts";
import type { ServiceObservation } from "./observation.ts";
import type { BrowserProbe } from "./probe.ts";

/** Folder of a browser's profile in the lab's run folder, and of the place whose resolv.conf it gets. */
const HOME = "/run/phx/browser";

/**
 * A page in Chromium inside a place's namespaces, trusting the one root of `roots` alone; the screenshot goes to
 * the run's folder. It dies with the lab.
 */
export async function observeBrowser(
  { lab, roots, folder: runFolder }: ProbeContext,
  probe: BrowserProbe,
): Promise<ServiceObservation> {
  const { id, from, url } = probe;
  const host = new URL(url).hostname;
  const screenshot = `${host}.png`;
  const common = { kind: "browser", id, from, to: host, request: `Chromium opens ${url}` } as const;
  const folder = mkdtempSync(join(tmpdir(), "phx-browser-"));
  try {
    await trustOnly(lab, roots[probe.roots]);
    const browser = await chromium.launch({
      executablePath: wrapper(lab, from, folder),
      args: flags(host),
      timeout: BOUND.browserMs,
    });
    try {
      const page = await browser.newPage({ viewport: { width: 960, height: 540 } });
      const response = await page.goto(url, { timeout: BOUND.browserMs });
      const security = await response?.securityDetails();
      const guest =
        (await page
          .locator("#guest")
          .textContent({ timeout: BOUND.exchangeMs })
          .catch(() => "")) ?? "";
      await page.screenshot({ path: join(runFolder, screenshot) });
      const status = response?.status() ?? 0;
      const facts = {
        status,
        guest,
        title: await page.title(),
        issuer: security?.issuer ?? "",
        protocol: security?.protocol ?? "",
      };
      const answer = `${status}, page of guest ${guest || "none"}, certificate by ${facts.issuer}`;
      return { ...common, outcome: "answered", answer, facts, attachments: [screenshot] };
    } finally {
      await browser.close();
    }
  } catch (error) {
    const message = String(error).split("\n")[0] ?? "";
    const refused = /net::ERR_[A-Z_]+/.exec(message)?.[0];
    if (refused) return { ...common, outcome: "answered", answer: refused, facts: { error: refused } };
    return { ...common, outcome: "unknown", answer: "the browser failed", reason: message, facts: {} };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** An NSS database in a throwaway HOME with one trusted root, certutil(1). */
async function trustOnly(lab: Lab, roots: string): Promise<void> {
  const database = `${HOME}/.pki/nssdb`;
  const script = `rm -rf ${HOME} && mkdir -p ${database} && certutil -N --empty-password -d sql:${database} &&
certutil -A -d sql:${database} -n public -t C,, -i ${roots}`;
  await run(lab, undefined, ["sh", "-ec", script]);
}

/* An executable that Playwright can start: Chromium in the lab's PID, mount and network namespace, with that place's DNS.
   Its profile folder is Playwright's own, below the system's temporary folder, which the lab shares. */
function wrapper(lab: Lab, from: string, folder: string): string {
  const path = join(folder, "chromium");
  const resolv = `/run/phx/${from}/resolv.conf`;
  const view = `mount --bind ${resolv} "$(readlink -m /etc/resolv.conf)" && exec env HOME=${HOME} TMPDIR=${HOME} /usr/bin/chromium "$@"`;
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

/* Only the page's own zone resolves: Chromium's background look-ups stop there. */
function flags(host: string): string[] {
  const zone = host.split(".").slice(1).join(".");
  return [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    `--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE *.${zone}`,
  ];
}
