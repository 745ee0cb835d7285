import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { after, before, suite, test } from "node:test";
import { networkLab } from "../fixtures/network-lab.ts";
import { type Ended, phx, phxProcess } from "../fixtures/phx.ts";
import { markedProcess } from "../fixtures/lab-process.ts";
import { estateWith, REFERENCE } from "../fixtures/reference.ts";
import { type OwnedLab, recordEstate, standingLabs } from "../lab/lab.ts";
import { run } from "../lab/process.ts";
import { folderOf } from "../lab/record.ts";
import { countFlows } from "../probes/flow-key.ts";
import { SweepResult } from "./sweep-result.ts";

/** A SYN from the internet user to tcp/8000 of guest 801, behind its Ethernet header. */
function isProbe(frame: Buffer): boolean {
  const [source, dest] = [frame.subarray(26, 30), frame.subarray(30, 34)].map((bytes) => bytes.join("."));
  return source === "203.0.113.10" && dest === "10.0.0.141" && frame.readUInt16BE(36) === 8000;
}

/** The frames of a classic capture file, pcap-savefile(5); its header is looked at on the way. */
function framesIn(path: string): Buffer[] {
  const bytes = readFileSync(path);
  assert.deepEqual(
    [bytes.readUInt32LE(0), bytes.readUInt16LE(4), bytes.readUInt16LE(6), bytes.readUInt32LE(20)],
    [0xa1b2c3d4, 2, 4, 1],
  );
  const frames: Buffer[] = [];
  for (let at = 24; at < bytes.length; at += 16 + bytes.readUInt32LE(at + 8)) {
    assert.ok(Math.abs(bytes.readUInt32LE(at) - Date.now() / 1000) < 60);
    assert.equal(bytes.readUInt32LE(at + 8), bytes.readUInt32LE(at + 12));
    frames.push(bytes.subarray(at + 16, at + 16 + bytes.readUInt32LE(at + 8)));
  }
  return frames;
}

const needsRoot = { skip: process.getuid?.() !== 0 && "only root can make a lab" };

/** What was printed is the schema's, no key more. */
function resultIn(stdout: string): SweepResult {
  const printed: unknown = JSON.parse(stdout);
  const result = SweepResult.parse(printed);
  assert.deepEqual(result, printed);
  return result;
}

/** Every flow of a pair has one outcome, and what did not arrive is counted. */
function assertWhole({ pairs, agreed, disagreed, unknown, flows }: SweepResult): void {
  for (const { outcomes, accounts, flows: asked } of pairs) {
    assert.equal(countFlows(Object.values(outcomes).flat()), asked.asked);
    const stopped = countFlows(
      [outcomes.dropped, outcomes.rejected, outcomes["no-route"]].flatMap((keys) => keys ?? []),
    );
    assert.equal(
      accounts.reduce((sum, { gain }) => sum + gain, 0),
      stopped,
    );
  }
  assert.equal(agreed + disagreed + unknown, flows.asked);
}

test(
  "wan to the gateway, everything: 80 and 443 arrive, the rest is dropped and counted",
  needsRoot,
  async () => {
    const ended = await phx(["sweep", REFERENCE, "--from", "wan", "--to", "101", "--json"]);
    const result = resultIn(ended.stdout);
    assert.equal(ended.status, 0, ended.stdout);
    assertWhole(result);
    const [pair] = result.pairs;
    assert.deepEqual(pair?.outcomes["no-listener"], ["tcp/80", "tcp/443"]);
    assert.deepEqual(Object.keys(pair?.outcomes ?? {}).sort(), ["dropped", "no-listener"]);
    const protocols = 256 - ["icmp", "tcp", "udp"].length;
    assert.equal(result.flows.asked, 2 * 65_535 + 256 + protocols);
    assert.deepEqual([result.complete, result.agreed], [true, result.flows.of]);
    assert.equal(existsSync(folderOf(result.lab.name)), false);
  },
);

/** Of one pair over IPv6, in a lab of the sweep's own. */
async function overIp6(...args: string[]) {
  const ended = await phx(["sweep", REFERENCE, "--ipv6", ...args, "--json"]);
  const result = resultIn(ended.stdout);
  assert.equal(ended.status, 0, ended.stdout);
  assertWhole(result);
  const [pair] = result.pairs;
  return pair ?? assert.fail();
}

suite("over IPv6", needsRoot, () => {
  test("the host to a guest, everything: neighbour discovery alone arrives", async () => {
    const { source, dest, outcomes, forged, flows } = await overIp6("--from", "host", "--to", "801");
    assert.deepEqual([source, dest, forged], ["2001:db8::a00:d", "2001:db8::a00:8d", false]);
    assert.deepEqual(outcomes.delivered, ["icmp/133-136"]);
    assert.deepEqual(outcomes.rejected, ["tcp/43"]);
    const extensions = 6;
    assert.equal(flows.asked, 2 * 65_535 + 256 + 253 - extensions);
  });

  test("a guest to the host, with a source that is forged", async () => {
    const ends = ["--from", "101", "--to", "host"];
    const { source, forged, outcomes } = await overIp6(
      ...ends,
      "--source",
      "2001:db8::ff",
      "--proto",
      "icmp",
    );
    assert.deepEqual([source, forged], ["2001:db8::ff", true]);
    assert.deepEqual(outcomes.delivered, ["icmp/133", "icmp/135-136"]);
    assert.deepEqual(outcomes.dropped, ["icmp/0-132", "icmp/134", "icmp/137-255"]);
  });

  test("every ordered pair but those from the internet, ICMPv6 and protocols", async () => {
    const ended = await phx(["sweep", REFERENCE, "--all", "--ipv6", "--proto", "icmp,ip", "--json"]);
    const result = resultIn(ended.stdout);
    assert.equal(ended.status, 0, ended.stdout);
    assertWhole(result);
    assert.equal(result.pairs.length, 10 * 10);
  });
});

suite("what a packet has beside its addresses, with the model's word for it", needsRoot, () => {
  const asked = async (...args: string[]) => {
    const { status, stdout } = await phx(["sweep", REFERENCE, ...args]);
    assert.equal(status, 0, stdout);
    return stdout;
  };

  test("flags: what opens no connection is dropped where a SYN would be let in", async () => {
    const ends = ["--from", "wan", "--to", "101", "--ports", "80"];
    assert.match(
      await asked(...ends, "--flags", "syn"),
      /flags SYN\): 1 of .*\n {2}no-listener +1 {2}tcp\/80\n/,
    );
    const none = await asked(...ends, "--flags", "none");
    assert.match(none, /flags none\): 1 of .*\n {2}dropped +1\n.*--ctstate INVALID -j DROP\n/);
    const both = await asked("--from", "wan", "--to", "101", "--ports", "81", "--flags", "ACK");
    assert.match(both, /flags ACK\): 1 of .*\n {2}dropped +1\n.*PVEFW-Drop .*! --tcp-flags/);
  });

  test("the source port: a late answer of DNS is dropped by a line of its own", async () => {
    const udp = ["--from", "lan", "--to", "801", "--proto", "udp", "--ports", "9"];
    assert.match(
      await asked(...udp, "--sport", "domain"),
      /from port 53\): 1 of .*\n.*\n.*--sport 53 -j DROP\n/,
    );
    assert.match(
      await asked(...udp, "--sport", "54"),
      /from port 54\): 1 of .*\n.*\n.*veth801i0-IN -j DROP\n/,
    );
  });

  test("the source MAC: a guest's own filter stops another's", async () => {
    const ends = ["--from", "101", "--to", "102", "--proto", "tcp", "--ports", "443"];
    const { status, stdout } = await phx([
      "sweep",
      REFERENCE,
      ...ends,
      "--mac",
      "02-00-00-00-00-99",
      "--json",
    ]);
    const [pair] = resultIn(stdout).pairs;
    assert.deepEqual([status, pair?.sourceMac, pair?.agreed], [0, "02:00:00:00:00:99", 1]);
    assert.deepEqual(pair?.outcomes, { dropped: ["tcp/443"] });
    assert.equal(pair?.accounts[0]?.chain, "veth101i0-OUT");
  });
});

test("SCTP's ports, each as the model says", needsRoot, async () => {
  const ended = await phx([
    "sweep",
    REFERENCE,
    "--from",
    "lan",
    "--to",
    "801",
    "--proto",
    "sctp,33",
    "--json",
  ]);
  const result = resultIn(ended.stdout);
  assert.equal(ended.status, 0, ended.stdout);
  assertWhole(result);
  assert.deepEqual(result.pairs[0]?.outcomes, { dropped: ["sctp/1-65535", "dccp/1-65535"] });
});

test("every ordered pair by representatives", needsRoot, async () => {
  const ended = await phx(["sweep", REFERENCE, "--all", "--sample", "--json"]);
  const result = resultIn(ended.stdout);
  assert.equal(ended.status, 0, ended.stdout);
  assertWhole(result);
  assert.equal(result.pairs.length, 10 * 11);
  assert.match(
    ended.stderr,
    /^sweep: wan > host \(203\.0\.113\.10 > 10\.0\.0\.13\): \d+ of \d+ flows asked, /m,
  );
});

test("Ctrl-C: what was asked so far, exit 4, the lab gone", needsRoot, async () => {
  const sweep = phxProcess(["sweep", REFERENCE, "--all", "--json"]);
  let stdout = "";
  sweep.child.stdout?.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  await sweep.until("sweep: wan > host");
  sweep.child.kill("SIGINT");
  assert.equal(await sweep.end(), 4);
  const result = resultIn(stdout);
  assertWhole(result);
  assert.equal(result.complete, false);
  assert.ok(result.flows.asked > 65_535 && result.flows.asked < result.flows.of / 2);
  assert.equal(result.disagreed, 0);
  await sweep.leavesNone();
  assert.equal(existsSync(folderOf(result.lab.name)), false);
});

test("Ctrl-C in words, and nothing is left", needsRoot, async () => {
  const sweep = phxProcess(["sweep", REFERENCE, "--all"]);
  await sweep.until("wan > host");
  sweep.child.kill("SIGINT");
  assert.equal(await sweep.end(), 4);
  assert.match(
    sweep.said(),
    /^a lab built for the sweep, \d+ pairs?: partial: [\d,]+ of [\d,]+ flows asked, /m,
  );
  await sweep.leavesNone();
  assert.deepEqual(standingLabs(), []);
});

test("SIGTERM leaves a whole JSON of what was asked so far, exit 4", needsRoot, async () => {
  const sweep = phxProcess(["sweep", REFERENCE, "--all", "--json"]);
  let stdout = "";
  sweep.child.stdout?.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  await sweep.until("sweep: wan > host");
  sweep.child.kill("SIGTERM");
  assert.equal(await sweep.end(), 4);
  const result = resultIn(stdout);
  assertWhole(result);
  assert.deepEqual([result.complete, result.exit], [false, 4]);
  await sweep.leavesNone();
});

test("nobody reads on: it ends early, tells no fault, and nothing is left", needsRoot, async () => {
  const sweep = phxProcess(["sweep", REFERENCE, "--all"]);
  await sweep.until("wan > host");
  sweep.child.stdout?.destroy();
  assert.equal(await sweep.end(), 4, "not all was asked");
  assert.doesNotMatch(sweep.said(), /EPIPE|phx: /);
  await sweep.leavesNone();
  assert.deepEqual(standingLabs(), []);
});

/** What a terminal of 100 columns is sent, its line ends as they are. */
async function onTerminal(...args: string[]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "phx-terminal-"));
  const typescript = join(folder, "typescript");
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  const command = ["stty cols 100;", process.execPath, main, "sweep", ...args].join(" ");
  const ended = markedProcess(["script", "-qec", command, typescript]);
  try {
    assert.equal(await ended.end(), 0, ended.said());
    return readFileSync(typescript, "utf8");
  } finally {
    await ended.leavesNone();
    rmSync(folder, { recursive: true });
  }
}

test(
  "on a terminal one line says how far it is, how fast and for how long; none of it stays",
  needsRoot,
  async () => {
    const text = await onTerminal(REFERENCE, "--from", "lan", "--to", "801");
    const drawn = [...text.matchAll(/\r\x1b\[K(sweep: [^\r\n]*)/g)].map(([, line = ""]) => line);
    assert.match(drawn[0] ?? text, /^sweep: lan > 801: 0 of 131,579 \(0 %\), 0 packets\/s$/);
    for (const line of drawn.slice(1)) {
      assert.match(line, /^sweep: lan > 801: [\d,]+ of 131,579 \(\d+ %\), [\d,]+ packets\/s, \d+ s left$/);
      assert.ok(line.length < 100);
    }
    assert.ok(drawn.length > 1, "it is drawn anew while packets are sent");
    // Each is taken away before the next is drawn, and before what stays.
    assert.match(text, /\r\x1b\[Klan > 801 \(10\.0\.0\.50 > 10\.0\.0\.141\): 131,579 of /);
    const { stderr } = await phx(["sweep", REFERENCE, "--from", "lan", "--to", "801", "--ports", "1-9"]);
    assert.equal(stderr, "", "nothing of it without a terminal");
  },
);

suite("a standing lab", needsRoot, () => {
  let owned: OwnedLab;
  before(async () => {
    owned = await networkLab(estateWith(() => {}));
    recordEstate(owned.lab, REFERENCE);
  });
  after(() => owned[Symbol.asyncDispose]());

  const iptables = (...args: string[]) => run(owned.lab, "host", ["iptables-legacy", ...args]);
  const sweep = (...args: string[]) => phx(["sweep", owned.lab.name, ...args]);
  async function withRule(rule: readonly string[], table: string, work: () => Promise<void>): Promise<void> {
    const [chain = "", ...match] = rule;
    await iptables("-t", table, "-I", chain, ...match);
    try {
      await work();
    } finally {
      await iptables("-t", table, "-D", chain, ...match);
    }
  }

  test("is taken as it is, and stays", async () => {
    const { status, stdout } = await sweep("--from", "grafana", "--to", "10.0.0.12", "--ports", "443-444");
    assert.equal(status, 0, stdout);
    assert.match(stdout, /^801 > 102 \(10\.0\.0\.141 > 10\.0\.0\.12\): 4 of 4 flows asked, /);
    assert.match(stdout, /^ {2}dropped +4\n +4 {2}veth102i0-IN -j DROP$/m);
    assert.match(stdout, new RegExp(`^lab ${owned.lab.name}, 1 pair: 4 as the model says; `, "m"));
    assert.deepEqual(
      standingLabs().map(({ name }) => name),
      [owned.lab.name],
    );
  });

  test("a forged source is asked with, and said to be one", async () => {
    const forged = ["--from", "101", "--to", "102", "--source", "10.0.0.10", "--ports", "443"];
    const { status, stdout } = await sweep(...forged, "--json");
    assert.equal(status, 0, stdout);
    const [pair] = resultIn(stdout).pairs;
    assert.deepEqual([pair?.source, pair?.forged], ["10.0.0.10", true]);
    assert.deepEqual(pair?.outcomes, { "no-listener": ["tcp/443"], dropped: ["udp/443"] });
  });

  test("a port opened in the live rules: exit 1, the port, the declared place, the live rule", async () => {
    await withRule(["veth801i0-IN", "-p", "tcp", "--dport", "8000", "-j", "ACCEPT"], "filter", async () => {
      const ports = ["--from", "lan", "--to", "801", "--ports", "7990-8010"];
      const { status, stdout } = await sweep(...ports);
      assert.equal(status, 1, stdout);
      assert.match(stdout, /^ {2}DIFFERS: tcp\/8000: live no-listener, the model says drop$/m);
      assert.match(
        stdout,
        /into guest 801: drop, by default policy DROP at phoenix_lxc_configs\.json:\d+:\d+/,
      );
      assert.match(stdout, /^ +live: veth801i0-IN -p tcp -m tcp --dport 8000 -j ACCEPT$/m);
      const json = await sweep(...ports, "--json");
      const result = resultIn(json.stdout);
      assert.deepEqual([json.status, result.exit, result.agreed, result.disagreed], [1, 1, 41, 1]);
      const [differs] = result.pairs[0]?.disagreements ?? [];
      assert.deepEqual(differs?.keys, ["tcp/8000"]);
      assert.equal(differs?.position?.file, "phoenix_lxc_configs.json");
    });
  });

  test("a port refused in the live rules: exit 1, by what rule and with which answer", async () => {
    const reject = ["-j", "REJECT", "--reject-with", "tcp-reset"];
    await withRule(["veth801i0-IN", "-p", "tcp", "--dport", "8000", ...reject], "filter", async () => {
      const { status, stdout } = await sweep("--from", "lan", "--to", "801", "--ports", "7990-8010");
      assert.equal(status, 1, stdout);
      assert.match(
        stdout,
        /^ {2}rejected +1 {2}tcp\/8000\n +1 {2}veth801i0-IN -p tcp .* --reject-with tcp-reset$/m,
      );
      assert.match(stdout, /^ +RST by 10\.0\.0\.141, seen at host: tcp\/8000$/m);
      assert.match(stdout, /^ {2}DIFFERS: tcp\/8000: live rejected, the model says drop$/m);
    });
  });

  test("evidence: the frames of what differs at each device, in files that a capture reader opens", async () => {
    const folder = mkdtempSync(join(tmpdir(), "phx-evidence-"));
    await withRule(["veth801i0-IN", "-p", "tcp", "--dport", "8000", "-j", "ACCEPT"], "filter", async () => {
      const ports = ["--from", "wan", "--to", "801", "--proto", "tcp", "--ports", "8000"];
      const { status, stdout } = await sweep(...ports, "--evidence", folder, "--json");
      assert.equal(status, 1, stdout);
      const [differs] = resultIn(stdout).pairs[0]?.disagreements ?? [];
      const files = new Map(differs?.frames?.map((path) => [basename(path, ".pcap"), framesIn(path)]));
      for (const device of [
        "wan-eth0",
        "gateway-wan0",
        "host-fwpr801p0",
        "host-fwln801i0",
        "host-veth801i0",
        "801-eth0",
      ]) {
        const probes = files.get(device)?.filter(isProbe) ?? [];
        assert.ok(probes.length > 0, `${device} of ${[...files.keys()].join(", ")}`);
        assert.ok(probes.length === files.get("wan-eth0")?.filter(isProbe).length, device);
      }
      assert.ok([...files.keys()].every((device) => !/host-(veth|fw)..?(101|102)/.test(device)));
    }).finally(() => rmSync(folder, { recursive: true }));
  });

  test("evidence over IPv6: likewise", async () => {
    const folder = mkdtempSync(join(tmpdir(), "phx-evidence-"));
    const rule = ["veth102i0-IN", "-p", "tcp", "--dport", "8000", "-j", "ACCEPT"];
    await run(owned.lab, "host", ["ip6tables-legacy", "-I", ...rule]);
    try {
      const ports = ["--from", "101", "--to", "102", "--ipv6", "--proto", "tcp", "--ports", "8000"];
      const { status, stdout } = await sweep(...ports, "--evidence", folder, "--json");
      assert.equal(status, 1, stdout);
      const [differs] = resultIn(stdout).pairs[0]?.disagreements ?? [];
      const files = new Map(differs?.frames?.map((path) => [basename(path, ".pcap"), framesIn(path)]));
      const IP6 = 0x86dd;
      for (const device of ["101-eth0", "host-veth102i0", "102-eth0"])
        assert.ok(
          files.get(device)?.some((frame) => frame.readUInt16BE(12) === IP6),
          `${device} of ${[...files.keys()].join(", ")}`,
        );
    } finally {
      await run(owned.lab, "host", ["ip6tables-legacy", "-D", ...rule]);
      rmSync(folder, { recursive: true });
    }
  });

  test("stopped by a rule that no file declares: exit 1 though it is stopped", async () => {
    await withRule(["PVEFW-FORWARD", "-d", "10.0.0.142", "-p", "tcp", "-j", "DROP"], "filter", async () => {
      const { status, stdout } = await sweep(
        "--from",
        "lan",
        "--to",
        "802",
        "--ports",
        "1-9",
        "--proto",
        "tcp",
      );
      assert.equal(status, 1, stdout);
      assert.match(stdout, /^ {2}ELSEWHERE: PVEFW-FORWARD stopped 9, the model says 0$/m);
    });
  });

  test("its node has no IPv6, and the sweep changes nothing there: exit 2", async () => {
    const { status, stdout, stderr } = await sweep("--from", "lan", "--to", "host", "--ipv6");
    assert.deepEqual([status, stdout], [2, ""], stderr);
    assert.match(stderr, /declare no IPv6 address and whose node has IPv6 switched off\. Give the folder/);
    const guests = await sweep("--from", "101", "--to", "102", "--ipv6", "--ports", "1-9");
    assert.equal(guests.status, 0, guests.stdout);
  });

  test("lost where nothing counts: unknown with its reason, exit 4", async () => {
    await withRule(["FORWARD", "-d", "10.0.0.142", "-p", "udp", "-j", "DROP"], "mangle", async () => {
      const { status, stdout } = await sweep("--from", "lan", "--to", "802", "--ports", "1-2", "--json");
      assert.equal(status, 4, stdout);
      const result = resultIn(stdout);
      assertWhole(result);
      assert.equal(result.unknown, 2);
      assert.deepEqual(result.pairs[0]?.unknown[0]?.keys, ["udp/1-2"]);
      assert.match(result.pairs[0]?.unknown[0]?.reason ?? "", /\S/);
    });
  });
});

const PAIR = ["--from", "wan", "--to", "101"];
const ALL_PROTOS = "tcp, udp, sctp, dccp, udplite";
const INSIDE = /^--to to be inside the lab, one of lan \(.*\), host \(.*\), 101 \(.*/;
/** What is given, what was expected and what was found. Nothing is sent: no root is asked for. */
const BAD: readonly [string, readonly string[], string | RegExp, string][] = [
  [
    "an unknown place",
    ["--from", "mars", "--to", "101"],
    /^--from to be one of wan \(.*\), lan \(.*\), host \(.*/,
    "mars",
  ],
  [
    "an unknown destination",
    ["--from", "wan", "--to", "mars"],
    /^--to to be one of lan \(.*\), host \(.*/,
    "mars",
  ],
  ["the world as destination", ["--from", "101", "--to", "wan"], INSIDE, "wan, which is outside"],
  [
    "the world by its name",
    ["--from", "101", "--to", "internet user"],
    INSIDE,
    "internet user, which is outside",
  ],
  ["an address outside", ["--from", "101", "--to", "8.8.8.8"], INSIDE, "8.8.8.8, which is outside"],
  [
    "an IPv6 address outside",
    ["--from", "101", "--to", "2001:db8::1"],
    INSIDE,
    "2001:db8::1, which is outside",
  ],
  [
    "an address outside, whatever the source",
    ["--from", "101", "--to", "1.1.1.1", "--source", "10.0.0.10"],
    INSIDE,
    "1.1.1.1, which is outside",
  ],
  [
    "the internet user's address",
    ["--from", "101", "--to", "203.0.113.10"],
    INSIDE,
    "203.0.113.10, which is outside",
  ],
  ["the gateway", ["--from", "101", "--to", "10.0.0.1"], INSIDE, "10.0.0.1, which is outside"],
  [
    "one place twice",
    ["--from", "101", "--to", "10.0.0.153"],
    "--from and --to to be two places",
    "101 and 101",
  ],
  ["no destination", ["--from", "101"], "--from PLACE --to PLACE, or --all", "no --to"],
  ["no sender", ["--to", "101"], "--from PLACE --to PLACE, or --all", "no --from"],
  [
    "all and one",
    ["--all", "--from", "101"],
    "--all alone: it is every pair, each with its own addresses",
    "--from, --to, --source or --mac too",
  ],
  [
    "a range upside down",
    [...PAIR, "--ports", "1024-1"],
    "--ports to run from the lower to the higher",
    "1024-1",
  ],
  ["port 0", [...PAIR, "--ports", "0-5"], "--ports to be from 1 to 65535", "0-5"],
  ["port 70000", [...PAIR, "--ports", "80,70000"], "--ports to be from 1 to 65535", "70000"],
  ["no port", [...PAIR, "--ports", "http"], "--ports to be a list such as 1-1024,8006", '"http"'],
  [
    "a port left out",
    [...PAIR, "--ports", "80,,443"],
    "--ports to be a list such as 1-1024,8006",
    '"80,,443"',
  ],
  [
    "a range without an end",
    [...PAIR, "--ports", "80-"],
    "--ports to be a list such as 1-1024,8006",
    '"80-"',
  ],
  [
    "an unknown protocol",
    [...PAIR, "--proto", "tcp,xyz"],
    `--proto to be a comma list of ${ALL_PROTOS}, icmp, ip, other names of /etc/protocols or numbers from 0 to 255`,
    '"xyz"',
  ],
  [
    "protocol 256",
    [...PAIR, "--proto", "256"],
    `--proto to be a comma list of ${ALL_PROTOS}, icmp, ip, other names of /etc/protocols or numbers from 0 to 255`,
    '"256"',
  ],
  [
    "an extension header",
    ["--from", "101", "--to", "102", "--ipv6", "--proto", "43"],
    "--proto to name protocols, over IPv6",
    "43, an extension header of IPv6",
  ],
  [
    "ports of what has none",
    [...PAIR, "--proto", "icmp", "--ports", "80"],
    `--ports only with ${ALL_PROTOS}`,
    "--proto icmp",
  ],
  [
    "a sample of ports",
    [...PAIR, "--sample", "--ports", "80"],
    "--sample alone: it has ports and protocols of its own",
    "--ports, --proto, --flags or --sport too",
  ],
  [
    "a sample over IPv6",
    ["--all", "--sample", "--ipv6"],
    "--sample over IPv4: classes are those of declared addresses",
    "IPv6",
  ],
  [
    "a source that is none",
    [...PAIR, "--source", "10.0.0"],
    "--source to be an IPv4 or IPv6 address",
    "10.0.0",
  ],
  [
    "a source of the other family",
    ["--from", "101", "--to", "102", "--ipv6", "--source", "10.0.0.7"],
    "--source to be an IPv6 address, with --ipv6",
    "10.0.0.7",
  ],
  [
    "IPv6 from the internet",
    [...PAIR, "--source", "2001:db8::7"],
    "two places with IPv6: no file says how it would come in from the internet",
    "wan and 101",
  ],
  [
    "an unknown TCP flag",
    [...PAIR, "--flags", "SYN,XMAS"],
    "--flags to be a comma list of FIN, SYN, RST, PSH, ACK, URG, or none",
    "SYN,XMAS",
  ],
  [
    "flags of UDP",
    [...PAIR, "--flags", "SYN", "--proto", "udp"],
    "--flags only with --proto tcp",
    "--proto udp",
  ],
  [
    "flags of all",
    [...PAIR, "--flags", "SYN", "--proto", "ip"],
    "--flags only with --proto tcp",
    "--proto ip",
  ],
  [
    "no source port",
    [...PAIR, "--sport", "70000"],
    "--sport to be a number from 0 to 65535, or a name of /etc/services",
    "70000",
  ],
  [
    "a source port of ICMP",
    [...PAIR, "--sport", "53", "--proto", "icmp"],
    "--sport only with ports",
    "--proto icmp",
  ],
  ["no MAC", [...PAIR, "--mac", "52:54"], "--mac to be a MAC address, e.g. 52:54:00:67:89:b3", "52:54"],
  [
    "a MAC of the host's choice",
    ["--from", "host", "--to", "101", "--mac", "02:00:00:00:00:01"],
    "--mac from any place but the host, which sends from its own",
    "--mac 02:00:00:00:00:01",
  ],
];
suite("bad input", { concurrency: true }, () => {
  for (const [title, args, expected, found] of BAD) {
    test(title, async () => {
      const { status, stdout, stderr } = await phx(["sweep", ...args]);
      assert.deepEqual([status, stdout], [2, ""], stderr);
      const said = /^phx: phx sweep: expected (.*), found (.*)\. Run 'phx sweep --help'\. \[usage\]\n$/.exec(
        stderr,
      );
      if (typeof expected === "string") assert.equal(said?.[1], expected, stderr);
      else assert.match(said?.[1] ?? stderr, expected);
      assert.equal(said?.[2], found, stderr);
    });
  }

  test("a lab or folder that is not there", async () => {
    const { status, stdout, stderr } = await phx(["sweep", "no-such-lab", ...PAIR]);
    assert.deepEqual([status, stdout], [2, ""], stderr);
    assert.match(stderr, /^phx: .*no-such-lab: expected .*, found .*\. Give .*\. \[estate-missing\]\n$/);
  });
});

suite("an environment that will not do: exit 3", needsRoot, () => {
  const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));
  const SWEEP = [process.execPath, MAIN, "sweep", REFERENCE, ...PAIR, "--ports", "80"];

  async function refused(argv: readonly string[], uid?: number): Promise<Pick<Ended, "status" | "stderr">> {
    const ended = markedProcess(argv, { uid });
    const status = await ended.end();
    await ended.leavesNone();
    return { status: Number(status), stderr: ended.said() };
  }

  test("no root", async () => {
    const { status, stderr } = await refused(SWEEP, 65_534);
    assert.deepEqual([status, /\[not-root\]/.test(stderr)], [3, true], stderr);
  });

  test("root without CAP_NET_RAW", async () => {
    const { status, stderr } = await refused(["setpriv", "--bounding-set", "-net_raw", ...SWEEP]);
    assert.deepEqual([status, /CAP_NET_RAW.*\[capability-missing\]/.test(stderr)], [3, true], stderr);
  });

  test("a kernel without br_netfilter", async () => {
    const hide = ["unshare", "--mount", "--propagation", "private", "sh", "-c"];
    const { status, stderr } = await refused([
      ...hide,
      'mount -t tmpfs tmpfs /proc/sys/net; exec "$@"',
      "sh",
      ...SWEEP,
    ]);
    assert.deepEqual([status, /no br_netfilter.*\[kernel-lacks\]/.test(stderr)], [3, true], stderr);
  });
});
