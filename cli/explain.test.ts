import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { z } from "zod";
import { phx } from "../fixtures/phx.ts";
import { REFERENCE } from "../fixtures/reference.ts";
import { HarnessError } from "../errors.ts";
import { decideOn } from "../policy/decide.ts";
import type { Flow } from "../policy/flow.ts";
import { readDeclaration } from "../policy/read.ts";
import { flowOf, type FlowValues } from "./flow-arguments.ts";
import { vantageOf, vantagesOf } from "./vantage.ts";

const explain = (...args: string[]) => phx(["explain", ...args]);

test("names, ids and addresses give the same words; each line has its place and chain", async () => {
  const byId = await explain("--from", "102", "--to", "1001", "--port", "9443");
  assert.equal(byId.status, 0, byId.stderr);
  assert.match(byId.stdout, /^tcp to port 9443, from 102 \(Traefik, 10\.0\.0\.12\) to 1001 \(Portainer/);
  assert.match(
    byId.stdout,
    /\naccept\n[^]*by rule "IN ACCEPT .*phoenix_vm_configs\.json:37:11.*chain tap1001i0-IN/,
  );
  const byName = await explain("--from", "traefik", "--to", "PORTAINER", "--proto", "tcp", "--port", "9443");
  const byAddress = await explain("--from", "10.0.0.12", "--to", "10.0.0.101", "--port", "9443");
  assert.deepEqual([byName.stdout, byAddress.stdout], [byId.stdout, byId.stdout]);
});

test("a drop exits 0 too; JSON holds flow and decision", async () => {
  const { status, stdout } = await explain("--from", "wan", "--to", "101", "--port", "8080", "--json");
  const { flow, decision } = JSON.parse(stdout) as { flow: { dport: number }; decision: { verdict: string } };
  assert.deepEqual([status, flow.dport, decision.verdict], [0, 8080, "drop"]);
});

test("what is missing or unknown: exit 2 and what is known", async () => {
  const cases: [string[], RegExp][] = [
    [["--from", "wan", "--port", "1"], /expected --to PLACE, found none/],
    [
      ["--from", "mars", "--to", "101", "--port", "1"],
      /lan \(plain device.*1001 \(Portainer, 10\.0\.0\.101\).*found mars/,
    ],
    [["--from", "wan", "--to", "101"], /expected --port PORT with tcp/],
    [["--from", "wan", "--to", "101", "--port", "1", "--node", "pve"], /--node only with Proxmox's files/],
    [
      ["--from", "wan", "--to", "101", "--port", "1", "--sorce", "10.0.0.1"],
      /found the unknown flag --sorce, which may be --source\./,
    ],
  ];
  const results = await Promise.all(cases.map(([args]) => explain(...args)));
  for (const [index, { status, stderr }] of results.entries()) {
    assert.equal(status, 2);
    assert.match(stderr, cases[index]?.[1] ?? /./);
  }
});

const reference = readDeclaration(REFERENCE);

function ask(from: string, to: string, values: FlowValues, declaration = reference) {
  const all = vantagesOf(declaration);
  const flow = flowOf(
    values,
    vantageOf("explain", all, "--from", from),
    vantageOf("explain", all, "--to", to),
  );
  const { verdict, decider } = decideOn(declaration.node, flow);
  return { flow, verdict, kind: decider.kind };
}

test("each flag is in the packet, and what it changes is decided", () => {
  const rows: [string, string, FlowValues, Partial<Flow>, string][] = [
    ["wan", "101", { port: "https" }, { dport: 443, source: "203.0.113.10" }, "accept rule"],
    ["wan", "101", { port: "443", source: "10.0.0.12" }, { source: "10.0.0.12" }, "drop gateway"],
    ["outside", "101", { port: "443", source: "10.0.0.12" }, { from: "outside" }, "accept rule"],
    ["lan", "101", { port: "443", dest: "10.0.0.12" }, { dest: "10.0.0.12" }, "drop policy"],
    [
      "Traefik",
      "veth101i0",
      { port: "22", state: "established" },
      { state: "ESTABLISHED" },
      "accept builtin",
    ],
    ["lan", "101", { port: "443", state: "Invalid" }, { state: "INVALID" }, "drop builtin"],
    ["lan", "101", { port: "443", flags: "none" }, { flags: [] }, "drop builtin"],
    ["lan", "101", { port: "443", flags: "syn,psh" }, { flags: ["SYN", "PSH"] }, "accept rule"],
    [
      "101",
      "102",
      { port: "443", mac: "00-11-22-33-44-5F" },
      { sourceMac: "00:11:22:33:44:5f" },
      "drop builtin",
    ],
    ["lan", "101", { port: "443", sport: "ssh" }, { sport: 22 }, "accept rule"],
    ["lan", "host", { proto: "udp", port: "domain" }, { proto: "udp", dport: 53 }, "accept rule"],
    ["lan", "host", { proto: "UDP", port: "54" }, { proto: "udp" }, "drop policy"],
    ["lan", "host", { proto: "17", port: "53" }, { proto: "udp" }, "accept rule"],
    ["lan", "host", { proto: "gre" }, { proto: 47 }, "drop policy"],
    ["lan", "host", { proto: "255" }, { proto: 255 }, "drop policy"],
    ["lan", "host", { proto: "sctp", port: "53" }, { proto: 132, dport: 53 }, "drop policy"],
    [
      "lan",
      "101",
      { proto: "icmp", "icmp-type": "host-unreachable" },
      { icmpType: 3, icmpCode: 1 },
      "drop builtin",
    ],
    ["lan", "101", { proto: "icmp", "icmp-type": "8/0" }, { proto: "icmp", icmpType: 8 }, "drop policy"],
    ["101", "wan", { port: "25" }, { dest: "203.0.113.10" }, "accept gateway"],
  ];
  for (const [from, to, values, part, expected] of rows) {
    const { flow, verdict, kind } = ask(from, to, values);
    const title = `${from} ${to} ${JSON.stringify(values)}`;
    assert.deepEqual({ ...flow, ...part }, flow, title);
    assert.equal(`${verdict} ${kind}`, expected, title);
  }
});

test("IPv6: by addresses, by icmpv6; the neighbour's question passes", () => {
  const six = { source: "2001:db8::1", dest: "2001:db8::2" };
  assert.equal(ask("lan", "101", { ...six, port: "443" }).verdict, "drop");
  const solicitation = { ...six, proto: "icmpv6", "icmp-type": "neighbor-solicitation" };
  const { flow, verdict, kind } = ask("lan", "101", solicitation);
  assert.deepEqual([verdict, kind], ["accept", "standing"]);
  assert.deepEqual([flow.proto, flow.icmpType, flow.dest], [58, 135, "2001:db8::2"]);
  assert.equal(ask("lan", "101", { ...six, proto: "icmp", "icmp-type": "echo-request" }).flow.icmpType, 128);
});

test("what no packet can be is refused, with what is expected", () => {
  const rows: [FlowValues, RegExp][] = [
    [{ port: "65536" }, /0 to 65535, or a name of .*found 65536/],
    [{ port: "no-service" }, /found no-service/],
    [{ proto: "icmp", port: "1" }, /a port only with tcp, udp, sctp, dccp or udplite/],
    [{ proto: "sctp" }, /--port PORT with sctp/],
    [{ proto: "grep" }, /--proto to be tcp, .* 0 to 255, found grep/],
    [{ proto: "256" }, /found 256/],
    [{ proto: "icmp", "icmp-type": "256" }, /TYPE\/CODE \(0 to 255 each\).*found 256/],
    [{ proto: "icmp", "icmp-type": "8/256" }, /found 8\/256/],
    [{ port: "1", "icmp-type": "8" }, /--icmp-type only with --proto icmp or icmpv6/],
    [{ port: "1", source: "10.0.0.300" }, /--source to be an IPv4 or IPv6 address, found 10\.0\.0\.300/],
    [{ port: "1", dest: "here" }, /--dest to be an IPv4 or IPv6 address/],
    [{ port: "1", source: "2001:db8::1", dest: "10.0.0.1" }, /addresses of one family/],
    [{ proto: "icmpv6", source: "10.0.0.1" }, /IPv6 with icmpv6/],
    [{ port: "1", dest: "2001:db8::1" }, /--source ADDRESS, since no file gives lan .* an IPv6 address/],
    [{ proto: "icmpv6" }, /--source ADDRESS/],
    [{ port: "1", state: "OLD" }, /NEW, ESTABLISHED, RELATED, INVALID, UNTRACKED, found OLD/],
    [{ port: "1", flags: "SYN,CWR" }, /FIN, SYN, RST, PSH, ACK, URG, or none, found SYN,CWR/],
    [{ proto: "udp", port: "1", flags: "SYN" }, /--flags only with --proto tcp/],
    [{ port: "1", mac: "52:54:00" }, /a MAC address/],
  ];
  for (const [values, message] of rows) {
    assert.throws(
      () => ask("lan", "101", values),
      (error) => error instanceof HarnessError && error.exit === 2 && message.test(error.message),
      JSON.stringify(values),
    );
  }
});

/** A folder of Proxmox's files, gone after the test. */
function proxmoxFolder(context: TestContext, files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), "phx-explain-"));
  context.after(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

const WEB =
  "net0: name=eth0,bridge=vmbr0,firewall=1,hwaddr=BC:24:11:00:00:65,ip=10.9.0.5/24,ip6=2001:db8::5/64";
const FILES = {
  "cluster.fw": "[OPTIONS]\nenable: 1\n",
  "101.fw": "[OPTIONS]\nenable: 1\n[RULES]\nIN SSH(ACCEPT) -source 10.9.0.0/24\nIN ACCEPT -p ipv6-icmp\n",
  "101.conf": `hostname: web\n${WEB}\nnet1: name=eth1,bridge=vmbr1,hwaddr=BC:24:11:00:00:66\n`,
  "102.fw": "[OPTIONS]\nenable: 1\n",
  interfaces: "auto vmbr0\niface vmbr0 inet static\n\taddress 10.9.0.2/24\n\tgateway 10.9.0.1\n",
};

test("Proxmox's own files: guests by id, name, address, device and NIC; positions are the .fw file's", async (context) => {
  const folder = proxmoxFolder(context, FILES);
  const { status, stdout, stderr } = await explain(folder, "--from", "lan", "--to", "WEB", "--port", "ssh");
  assert.equal(status, 0, stderr);
  assert.match(
    stdout,
    /to 101 \(web, 10\.9\.0\.5\)\naccept\n[^]*"IN SSH\(ACCEPT\) .*" at 101\.fw:4:1 \[RULES\], chain veth101i0-IN/,
  );
  assert.doesNotMatch(stdout, /note:/);
  const declaration = readDeclaration(folder);
  const same = ["101", "101i0", "veth101i0", "10.9.0.5", "2001:DB8:0::5"];
  for (const word of same) assert.equal(ask("wan", word, { port: "22" }, declaration).flow.to, "101", word);
  assert.equal(ask("host", "101i1", { port: "22", dest: "10.8.0.5" }, declaration).kind, "unfiltered");
  const six = ask("lan", "101", { proto: "icmpv6", source: "2001:db8::9" }, declaration);
  assert.deepEqual([six.flow.dest, six.verdict, six.kind], ["2001:db8::5", "accept", "rule"]);
});

test("Proxmox's own files: what is assumed of the two ends is said, and a VM's address is asked for", async (context) => {
  const folder = proxmoxFolder(context, FILES);
  const [bare, given] = await Promise.all([
    explain(folder, "--from", "lan", "--to", "102", "--port", "22"),
    explain(folder, "--from", "lan", "--to", "102", "--port", "22", "--dest", "10.9.0.7", "--json"),
  ]);
  assert.equal(bare.status, 2);
  assert.match(bare.stderr, /--dest ADDRESS, since no file gives 102 \(a VM\) an IPv4 address/);
  const { decision, assumed } = JSON.parse(given.stdout) as {
    decision: { verdict: string };
    assumed: { message: string }[];
  };
  assert.equal(decision.verdict, "drop");
  assert.match(assumed.map(({ message }) => message).join(), /^the hardware of guest 102 is not known/);
  assert.equal(assumed.length, 1);
});

test("--set: all that gets through, by the lines of every hop; agrees with what one packet is told", async () => {
  const { status, stdout } = await explain("--set", "--from", "801", "--to", "802");
  assert.equal(status, 0);
  assert.match(
    stdout,
    /^ {2}1\. FORWARD out of guest 801: accept, by default policy ACCEPT [^\n]*\n {2}3\. FORWARD into guest 802: accept, by rule "IN ACCEPT [^\n]*6333"[^\n]*\n {5}forged source: tcp 6333 from 10\.0\.0\.12 to 10\.0\.0\.142\n {7}for example tcp 10\.0\.0\.12 -> 10\.0\.0\.142:6333$/m,
  );
  assert.doesNotMatch(stdout, /own source: tcp|tcp 8006/);
  assert.match(
    stdout,
    /^ {4}drop, reject \(tcp-reset\) at FORWARD into guest 802, by default policy DROP at /m,
  );
  assert.match(
    stdout,
    /^packets of flows that stand \(ESTABLISHED, RELATED\):\n {2}1\. [^]* state RELATED or EST/m,
  );
  const ends = ["--from", "801", "--to", "802", "--port", "6333"];
  const [own, forged] = await Promise.all([explain(...ends), explain(...ends, "--source", "10.0.0.12")]);
  assert.match(own.stdout, /^drop$/m);
  assert.match(forged.stdout, /^accept$/m);
});

test("--set from lan: the gateway's address, and those of host and guests, are forged there", async () => {
  const { stdout } = await explain("--set", "--from", "lan", "--to", "101");
  const [own = "", forged = ""] = ["own", "forged"].map(
    (bearing) => new RegExp(`${bearing} source: tcp 80 from (.*)`).exec(stdout)?.[1],
  );
  assert.match(forged, /^0\.0\.0\.0-10\.0\.0\.1, 10\.0\.0\.10, /);
  assert.match(own, /^10\.0\.0\.0\/24 except 10\.0\.0\.0\/31, 10\.0\.0\.10, 10\.0\.0\.12\/31/);
});

const Ruled = z.strictObject({
  hook: z.string(),
  where: z.string(),
  verdict: z.enum(["accept", "drop", "reject"]),
  decider: z.looseObject({ kind: z.string(), chain: z.string() }),
});
const Accepted = z.strictObject({
  bearing: z.enum(["own", "forged", "any"]),
  decider: Ruled.shape.decider,
  hops: z.array(Ruled),
  flows: z.looseObject({ family: z.union([z.literal(4), z.literal(6)]), boxes: z.array(z.looseObject({})) }),
  witness: z.looseObject({ from: z.string(), to: z.string(), source: z.string(), dest: z.string() }),
});
const Passing = z.strictObject({
  accepted: z.array(Accepted),
  stopped: z.array(Ruled.extend({ reject: z.string().optional(), witness: Accepted.shape.witness })),
});
/** What `--set --json` prints, and nothing else. */
const SetPrint = z.strictObject({
  from: z.string(),
  to: z.string(),
  complete: z.literal(true),
  unknownOwn: z.array(z.union([z.literal(4), z.literal(6)])),
  hops: z.array(Ruled.pick({ hook: true, where: true })),
  ...Passing.shape,
  established: Passing,
  assumed: z.array(z.looseObject({ message: z.string() })),
});

test("--set --json: the shape that is promised; own sources apart from forged ones, each hop named", async () => {
  const [edge, mesh] = await Promise.all(
    ["101", "102"].map(async (to) =>
      SetPrint.parse(JSON.parse((await explain("--set", "--from", "wan", "--to", to, "--json")).stdout)),
    ),
  );
  const rules = edge?.accepted.filter(({ decider, bearing }) => decider.kind === "rule" && bearing === "own");
  assert.deepEqual(
    rules?.map(({ flows, hops }) => [flows.boxes.map(({ ports }) => ports), hops.map(({ where }) => where)]),
    [["80"], ["443"]].map((ports) => [
      [ports],
      ["from beyond the gateway", "across vmbr0", "into guest 101"],
    ]),
  );
  assert.deepEqual(
    edge?.hops.map(({ hook }) => hook),
    ["GATEWAY", "FORWARD", "FORWARD"],
  );
  assert.ok(mesh?.accepted.every(({ decider }) => decider.kind === "standing"));
  assert.deepEqual([...new Set(mesh?.established.accepted.map(({ bearing }) => bearing))], ["any"]);
});

test("--set of Proxmox's own files: of a sender without a known address the assumption is said", async (context) => {
  const folder = proxmoxFolder(context, FILES);
  const { status, stdout } = await explain(folder, "--set", "--from", "102", "--to", "101");
  assert.equal(status, 0);
  assert.match(
    stdout,
    /by rule "IN SSH\(ACCEPT\) [^\n]*\n {5}own source: tcp 22 from [^\n]*\n[^\n]*\n {5}forged source: tcp 22 from 10\.9\.0\.0, /,
  );
  assert.match(stdout, /^note: no file gives 102 an IPv4 address: as its own counts any that is nobody's$/m);
  assert.match(stdout, /^note: the hardware of guest 102 is not known/m);
});

test("--set between places with more rules than can be worked out: exit 4, in time, and says so", async (context) => {
  const rules = Array.from(
    { length: 100_000 },
    (_, index) => `IN ACCEPT -p tcp -dport ${(index % 65_535) + 1}`,
  );
  const long = { ...FILES, "101.fw": `[OPTIONS]\nenable: 1\n[RULES]\n${rules.join("\n")}\n` };
  const crossing = (way: string, port: string) =>
    Array.from({ length: 900 }, (_, index) => `${way} ACCEPT -p udp -${port} ${1000 + 3 * index}`).join("\n");
  const many = {
    ...FILES,
    "101.fw": `[OPTIONS]\nenable: 1\n[RULES]\n${crossing("IN", "dport")}\n`,
    "102.fw": `[OPTIONS]\nenable: 1\npolicy_out: DROP\n[RULES]\n${crossing("OUT", "sport")}\n`,
  };
  const ends = ["--set", "--from", "102", "--to", "101"];
  const results = await Promise.all(
    [long, many].flatMap((files) => {
      const folder = proxmoxFolder(context, files);
      return [explain(folder, ...ends), explain(folder, ...ends, "--json")];
    }),
  );
  assert.deepEqual(
    results.map(({ status, stdout }) => [status, /^not worked out: |"complete": false/m.test(stdout)]),
    results.map(() => [4, true]),
  );
});

test("--set describes no packet: its flags beside it are refused", async () => {
  const { status, stdout, stderr } = await phx([
    "explain",
    "--set",
    "--from",
    "wan",
    "--to",
    "101",
    "--port",
    "80",
  ]);
  assert.deepEqual([status, stdout], [2, ""]);
  assert.match(stderr, /found --port/);
});
