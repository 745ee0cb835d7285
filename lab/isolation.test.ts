import assert from "node:assert/strict";
import { test } from "node:test";
import { type LabProcess, markedProcess } from "../fixtures/lab-process.ts";
import { differences, snapshotRoot } from "./isolation.ts";

const ISOLATION = JSON.stringify(new URL("./isolation.ts", import.meta.url).href);

/** What differs after shell commands, in a network and a mount namespace of their own; `during` is JavaScript. */
async function differingAfter(commands: string, during = ""): Promise<string[]> {
  const code = `
    import { execFileSync } from "node:child_process";
    import * as net from "node:net";
    import * as dgram from "node:dgram";
    const { differences, snapshotRoot } = await import(${ISOLATION});
    const before = snapshotRoot();
    ${during}
    execFileSync("sh", ["-ec", ${JSON.stringify(commands)}]);
    console.log("RESULT" + JSON.stringify(differences(before, snapshotRoot(), { counters: true })));
    process.exit(0);`;
  const node = [process.execPath, "--input-type=module", "-e", code];
  const isolated = ["unshare", "--net", "--mount", "--propagation", "private"];
  const quiet = ["sh", "-ec", 'echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6; exec "$@"', "sh"];
  const started: LabProcess = markedProcess([...isolated, ...quiet, ...node]);
  await started.end();
  for (const each of started.left()) process.kill(Number.parseInt(each, 10), "SIGKILL");
  const [, json = assert.fail(started.said())] = started.said().split("RESULT");
  return JSON.parse(json) as string[];
}

test("two looks at a machine that is left alone are equal, and are plain data", () => {
  const snapshot = snapshotRoot();
  assert.deepEqual(differences(snapshot, snapshotRoot()), []);
  assert.deepEqual(JSON.parse(JSON.stringify(snapshot)), snapshot);
  assert.ok((snapshot.aspects["sysctls"]?.length ?? 0) > 500);
  for (const aspect of ["links", "rules IPv4", "mounts"])
    assert.notDeepEqual(snapshot.aspects[aspect], [], aspect);
});

const CHANGES: readonly [string, string, RegExp][] = [
  ["a link", "ip link add br9 type bridge", /^links: new: \d+: br9:/],
  ["a link that is up", "ip link set lo up", /^links: new: 1: lo: <LOOPBACK,UP/],
  ["a MAC", "ip link add br9 address 02:00:00:00:00:09 type bridge", /^links: new: .*02:00:00:00:00:09/],
  [
    "a master",
    "ip link add br9 type bridge; ip link add v0 type veth peer name v1; ip link set v0 master br9",
    /^links: new: .* master br9/,
  ],
  ["an address", "ip addr add 192.0.2.9/32 dev lo", /^addresses: new: 1: lo +inet 192\.0\.2\.9\/32/],
  [
    "an IPv6 address",
    "echo 0 >/proc/sys/net/ipv6/conf/lo/disable_ipv6; ip addr add 2001:db8::9/128 dev lo",
    /^addresses: new: 1: lo +inet6 2001:db8::9/,
  ],
  [
    "a route",
    "ip link set lo up; ip route add 198.51.100.0/24 dev lo",
    /^routes: new: 198\.51\.100\.0\/24 dev lo/,
  ],
  [
    "a route of another table",
    "ip link set lo up; ip route add 198.51.100.0/24 dev lo table 99",
    /^routes: new: 198.* table 99/,
  ],
  [
    "a policy rule",
    "ip rule add pref 77 to 198.51.100.1 lookup 99",
    /^rules IPv4: new: 77:.*198\.51\.100\.1/,
  ],
  [
    "an IPv6 policy rule",
    "ip -6 rule add pref 77 to 2001:db8::9 lookup 99",
    /^rules IPv6: new: 77:.*2001:db8::9/,
  ],
  [
    "a firewall rule",
    "iptables-legacy -A INPUT -p tcp --dport 9 -j DROP",
    /^iptables: new: \*filter -A INPUT -p tcp .*-j DROP/,
  ],
  [
    "an IPv6 firewall rule",
    "ip6tables-legacy -t mangle -A OUTPUT -j DROP",
    /^ip6tables: new: \*mangle -A OUTPUT -j DROP/,
  ],
  ["a chain's policy", "iptables-legacy -P FORWARD DROP", /^iptables: new: \*filter :FORWARD DROP/],
  ["a set", "ipset create known hash:net", /^sets: new: known/],
  ["a setting", "echo 1 >/proc/sys/net/ipv4/ip_forward", /^sysctls: new: net\/ipv4\/ip_forward = 1/],
  ["a mount", "mount -t tmpfs tmpfs /mnt", /^mounts: new: .* \/mnt /],
  [
    "a named namespace",
    "mount -t tmpfs tmpfs /run; ip netns add named",
    /^named namespaces: new: \/run\/netns\/named/,
  ],
  [
    "a packet",
    "ip link set lo up; echo x | timeout 1 bash -c 'cat >/dev/udp/127.0.0.1/9'",
    /^counters: new: +lo: /,
  ],
];

for (const [title, commands, expected] of CHANGES) {
  test(`${title} shows`, async () => {
    const found = await differingAfter(commands);
    assert.ok(
      found.some((line) => expected.test(line)),
      found.join("\n"),
    );
  });
}

test("what was undone leaves no difference, nor does a table that was only listed", async () => {
  const undone = `iptables-legacy -L; iptables-legacy -A INPUT -j DROP; iptables-legacy -D INPUT -j DROP
    ip link add br9 type bridge; ip link del br9; ip rule add pref 77 lookup 99; ip rule del pref 77`;
  assert.deepEqual(await differingAfter(undone), []);
});

const LISTENERS: readonly [string, string, RegExp][] = [
  [
    "a TCP listener",
    "await new Promise((done) => net.createServer().listen(8099, '0.0.0.0', done));",
    /^sockets: new: tcp 00000000:1FA3 held by \d+ /,
  ],
  [
    "a UDP socket",
    "await new Promise((done) => dgram.createSocket('udp4').bind(8099, '0.0.0.0', done));",
    /^sockets: new: udp 00000000:1FA3 held by \d+ /,
  ],
];

for (const [title, code, expected] of LISTENERS) {
  test(`${title} of this process shows`, async () => {
    const found = await differingAfter(":", code);
    assert.ok(
      found.some((line) => expected.test(line)),
      found.join("\n"),
    );
  });
}

test("a listener of a process in another PID namespace shows, one of a stranger does not", async () => {
  const listener = `${process.execPath} -e 'require("net").createServer().listen(8099, () => console.log("on"))'`;
  const listening = (prefix: string) => `
    const { spawn } = await import("node:child_process");
    const child = spawn("sh", ["-c", ${JSON.stringify(`${prefix} ${listener}`)}], { stdio: ["ignore", "pipe", "ignore"] });
    await new Promise((done) => child.stdout.once("data", done));`;
  const inLab = await differingAfter(":", listening("exec setsid -f unshare --pid --fork --kill-child"));
  assert.ok(
    inLab.some((line) => line.startsWith("sockets: new: tcp")),
    inLab.join("\n"),
  );
  assert.deepEqual(await differingAfter(":", listening("exec setsid -f")), []);
});
