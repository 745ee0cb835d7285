/** A lab is what the files say, and stays untouched while it is. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { disposableLab, estateFolder, phx } from "../fixtures/phx.ts";
import { type Lab, outside, findLab } from "../lab/lab.ts";
import { execute } from "../lab/process.ts";
import { BOUND, readBack } from "../lab/waits.ts";

const needsRoot = { skip: process.getuid?.() !== 0 && "only root can make a lab" };
const NOTHING = /: nothing to do: it is what the files say, /;

async function succeed(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await phx(args);
  assert.equal(status, 0, `${stdout}${stderr}`);
  return stdout;
}

/** Keys of the steps that a plan has. */
async function planned(name: string, folder?: string): Promise<string[]> {
  const stdout = await succeed("plan", ...(folder ? [folder] : []), "--lab", name, "--json");
  const { standing, steps } = JSON.parse(stdout) as {
    standing: boolean;
    steps: { resource: { key: string } }[];
  };
  assert.ok(standing);
  return steps.map(({ resource }) => resource.key);
}

/** `PID start command` of every process of the lab. */
function processes(lab: Lab): string[] {
  const pids = readdirSync(outside(lab, "/proc")).filter((name) => /^\d+$/.test(name));
  const stats = pids.map((pid) => readFileSync(outside(lab, `/proc/${pid}/stat`), "utf8"));
  return stats.map(
    (stat) => stat.replace(/ \(.*\) /, " ").split(" ")[20] + (/^\d+ \(.*\)/.exec(stat)?.[0] ?? ""),
  );
}

function isNginx(process: string): boolean {
  return process.endsWith("(nginx)");
}

function serials(lab: Lab): string[] {
  const stored = readFileSync(outside(lab, "/run/phx/102/acme.json"), "utf8");
  const { internal } = JSON.parse(stored) as { internal: { Certificates: { certificate: string }[] } };
  const pems = internal.Certificates.map(({ certificate }) => Buffer.from(certificate, "base64"));
  return pems.map((pem) => new X509Certificate(pem).serialNumber).sort();
}

test("converged twice: no step, no process anew, the same certificates", needsRoot, async () => {
  await using lab = disposableLab();
  assert.match(await succeed("converge", "--lab", lab.name), new RegExp(`\\./phx probe ${lab.name}`));
  const standing = findLab(lab.name);
  assert.match(standing.estate ?? "", /^\/.*\/reference$/);
  // What waits in the lab for the hand-over ends a moment after it.
  const settled = () => {
    const all = processes(standing);
    return all.some((each) => /\((head|grep)\)$/.test(each)) ? undefined : all;
  };
  const first = await readBack(settled, BOUND.labStartMs);
  const before = { processes: first ?? [], serials: serials(standing) };
  assert.ok(before.serials.length >= 4 && before.processes.length >= 8);
  assert.match(await succeed("converge", "--lab", lab.name), NOTHING);
  assert.deepEqual(await planned(lab.name), []);
  assert.deepEqual({ processes: processes(standing), serials: serials(standing) }, before);
});

test("what was changed by hand shows in the plan, and converge repairs it", needsRoot, async () => {
  await using lab = disposableLab();
  await succeed("converge", "--lab", lab.name);
  const standing = findLab(lab.name);
  const accept = ["iptables-legacy", "-I", "PVEFW-HOST-IN", "-p", "tcp", "--dport", "8006", "-j", "ACCEPT"];
  assert.equal((await execute(standing, "host", accept)).exitCode, 0);
  const before = processes(standing);
  await execute(standing, "host", ["sh", "-c", "kill -9 $(cat /run/phx/101/nginx.pid)"]);
  await execute(standing, "host", ["sh", "-c", "echo >>/run/phx/102/traefik.yml"]);
  assert.deepEqual(await planned(lab.name), [
    "firewall host",
    "file /run/phx/102/traefik.yml",
    "service traefik",
    "service nginx",
  ]);
  await succeed("converge", "--lab", lab.name);
  assert.deepEqual(await planned(lab.name), []);
  const after = processes(standing);
  assert.equal(after.length, before.length);
  assert.deepEqual(
    after.filter(isNginx).filter((each) => before.includes(each)),
    [],
  );
});

test(
  "a changed estate on a standing lab: only the difference is done, then the plan is empty",
  needsRoot,
  async () => {
    await using lab = disposableLab();
    await succeed("converge", "--lab", lab.name);
    using other = estateFolder(({ lxc, host }) => {
      const { 802: removed, ...kept } = lxc.lxc_configs;
      kept[850] = structuredClone(removed);
      Object.assign(kept[850], { name: "loki", mac_address: "52:54:00:67:89:F1" });
      kept[850].network_config.ip = "10.0.0.150/24";
      kept[850].firewall.rules[0].dest = "10.0.0.150";
      kept[901].firewall.rules.push({ ...kept[901].firewall.rules[0], port: "8001" });
      lxc.lxc_configs = kept;
      const [external, internal] = host.dns_server.authoritative_zones;
      external.records.find(({ hostname }: { hostname: string }) => hostname === "qdrant").hostname = "loki";
      const record = internal.records.find(({ hostname }: { hostname: string }) => hostname === "qdrant");
      Object.assign(record, { hostname: "loki", ip_internal: "10.0.0.150" });
    });
    const steps = await planned(lab.name, other.path);
    for (const key of ["links 802", "namespace 802", "namespace 850", "firewall host"])
      assert.ok(steps.includes(key), key);
    for (const key of ["links 901", "links fabric", "file /run/phx/102/traefik.yml"])
      assert.ok(!steps.includes(key), key);
    const told = await succeed("converge", other.path, "--lab", lab.name);
    assert.match(told, /^- remove +namespace 802 /m);
    assert.deepEqual(await planned(lab.name, other.path), []);
    const standing = findLab(lab.name);
    assert.equal(standing.estate, other.path);
    assert.equal(processes(standing).filter(isNginx).length, 2);
  },
);

test("another host address and another guest address on a standing lab", needsRoot, async () => {
  await using lab = disposableLab();
  await succeed("converge", "--lab", lab.name);
  using other = estateFolder((files) => {
    for (const key of ["host", "lxc", "vm"] as const)
      files[key] = JSON.parse(
        JSON.stringify(files[key])
          .replaceAll('"10.0.0.13"', '"10.0.0.14"')
          .replaceAll("10.0.0.13/", "10.0.0.14/"),
      );
  });
  await succeed("converge", other.path, "--lab", lab.name);
  assert.deepEqual(await planned(lab.name, other.path), []);
  const standing = findLab(lab.name);
  const addresses = await execute(standing, "host", ["ip", "-brief", "address", "show", "vmbr0"]);
  assert.match(addresses.stdout, / 10\.0\.0\.14\/24/);
  const dump = await execute(standing, "gateway", ["cat", "/proc/sys/net/ipv4/conf/all/rp_filter"]);
  assert.equal(dump.stdout, "1\n");
});

test(
  "two labs at once, and one lab twice at once: the second waits and finds nothing to do",
  needsRoot,
  async () => {
    await using one = disposableLab();
    await using other = disposableLab();
    const [first, second] = await Promise.all([
      phx(["converge", "--lab", one.name]),
      phx(["converge", "--lab", one.name]),
      succeed("converge", "--lab", other.name),
    ]);
    assert.deepEqual([first.status, second.status], [0, 0], first.stderr + second.stderr);
    assert.equal([first, second].filter(({ stdout }) => NOTHING.test(stdout)).length, 1);
    assert.match(first.stderr + second.stderr, /another phx works on lab test-\w+: waiting for it\n/);
    await succeed("destroy", one.name);
    assert.deepEqual(await planned(other.name), []);
  },
);

test("destroy: a name that no lab has is an error; what it ended is gone", needsRoot, async () => {
  const missing = await phx(["destroy", "no-such-lab"]);
  assert.equal(missing.status, 2);
  assert.match(missing.stderr, /lab no-such-lab: expected a standing lab.*\[lab-missing\]\n$/);
});
