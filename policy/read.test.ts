import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { HarnessError, HarnessErrors } from "../errors.ts";
import { REFERENCE, referenceText } from "../fixtures/reference.ts";
import { FILE_NAMES } from "./files.ts";
import { readEstate } from "./read.ts";

const ETC = "usr/local/phoenix_hypervisor/etc";

/** A folder of its own, gone after the test; `below` gets a copy of the reference estate. */
function checkout(context: TestContext, ...below: string[]): string {
  const root = mkdtempSync(join(tmpdir(), "phx-read-"));
  context.after(() => rmSync(root, { recursive: true }));
  for (const folder of below) cpSync(REFERENCE, join(root, folder), { recursive: true });
  return root;
}

function errorsOf(folder: string): readonly HarnessError[] {
  const before = process.threadCpuUsage();
  try {
    readEstate(folder);
  } catch (error) {
    const { user, system } = process.threadCpuUsage(before);
    assert.ok(user + system < 5_000_000, "it took 5 s or more");
    if (error instanceof HarnessErrors) return error.errors;
    assert.ok(error instanceof HarnessError, String(error));
    return [error];
  }
  assert.fail("it was read");
}

function errorOf(folder: string): HarnessError {
  const [only, ...more] = errorsOf(folder);
  assert.equal(more.length, 0);
  return only as HarnessError;
}

test("a checkout's root, the folder itself and any folder between are the same estate", (context) => {
  const root = checkout(context, ETC);
  const folders = [
    root,
    join(root, "usr"),
    join(root, "usr/local"),
    join(root, "usr/local/phoenix_hypervisor"),
  ];
  for (const folder of [...folders, join(root, ETC), `${root}/./usr/`]) {
    const estate = readEstate(folder);
    assert.equal(estate.folder, join(root, ETC));
    assert.equal(estate.guests[0]?.position.file, "phoenix_lxc_configs.json");
  }
});

test("files are listed with their bytes' length and digest, and the stacks where there are any", (context) => {
  const root = checkout(context, ".");
  writeFileSync(join(root, FILE_NAMES.stacks), '{"docker_stacks": {}}');
  const { files } = readEstate(root);
  assert.deepEqual(
    files.map((file) => file.name),
    Object.values(FILE_NAMES),
  );
  const digest = execFileSync("sha256sum", [join(root, FILE_NAMES.lxc)], { encoding: "utf8" }).split(" ")[0];
  assert.deepEqual([files[1]?.sha256, files[1]?.text], [digest, referenceText("lxc")]);
  assert.equal(files[3]?.bytes, 21);
});

test("two candidates below are refused, and both are listed", (context) => {
  const root = checkout(context, ETC, "backup/etc");
  const error = errorOf(root);
  assert.equal(error.code, "estate-ambiguous");
  assert.ok(error.message.includes(join(root, ETC)) && error.message.includes(join(root, "backup/etc")));
  assert.equal(readEstate(join(root, "backup")).folder, join(root, "backup/etc"));
});

test("a folder that holds the files is itself, whatever lies below; node_modules and links are not searched", (context) => {
  const root = checkout(context, ETC, `${ETC}/old`, "node_modules/x");
  symlinkSync(join(root, "usr"), join(root, "again"));
  symlinkSync(root, join(root, ETC, "loop"));
  assert.equal(readEstate(root).folder, join(root, ETC));
});

test("a folder that is missing, empty, a file or without the host's file is refused", (context) => {
  const root = checkout(context);
  const rows: [string, string, RegExp][] = [
    [join(root, "no"), "estate-missing", /found nothing/],
    [root, "estate-missing", /found an empty folder/],
  ];
  for (const [folder, code, actual] of rows) {
    assert.equal(errorOf(folder).code, code);
    assert.match(errorOf(folder).message, actual);
  }
  writeFileSync(join(root, FILE_NAMES.lxc), "{}");
  assert.match(errorOf(root).message, /found only phoenix_lxc_configs\.json/);
  assert.match(errorOf(join(root, FILE_NAMES.lxc)).message, /found a file/);
});

test("missing files, and a directory in a file's place, are told together", (context) => {
  const root = checkout(context, ".");
  rmSync(join(root, FILE_NAMES.vm));
  rmSync(join(root, FILE_NAMES.lxc));
  mkdirSync(join(root, FILE_NAMES.lxc));
  assert.deepEqual(
    errorsOf(root).map((error) => `${error.code} ${error.detail.actual}`),
    ["estate-unreadable a directory", "estate-missing nothing"],
  );
});

test("loops of links, dangling links and pipes are refused without waiting", (context) => {
  const root = checkout(context, ".");
  const make: [() => void, string, RegExp][] = [
    [
      () => symlinkSync(FILE_NAMES.vm, join(root, FILE_NAMES.vm)),
      "estate-unreadable",
      /a loop of symbolic links/,
    ],
    [() => symlinkSync("nowhere", join(root, FILE_NAMES.vm)), "estate-missing", /found nothing/],
    [() => execFileSync("mkfifo", [join(root, FILE_NAMES.vm)]), "estate-unreadable", /a named pipe/],
  ];
  for (const [create, code, actual] of make) {
    rmSync(join(root, FILE_NAMES.vm), { force: true });
    create();
    assert.equal(errorOf(root).code, code);
    assert.match(errorOf(root).message, actual);
  }
});

test("an unreadable file is refused", (context) => {
  const root = checkout(context, ".");
  chmodSync(root, 0o755);
  chmodSync(join(root, FILE_NAMES.host), 0);
  const script = `import("${new URL("read.ts", import.meta.url).href}").then((m) => m.readEstate("${root}")).catch((e) => console.log(e.code, e.message))`;
  const asNobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
  const { stdout, stderr } = spawnSync(process.execPath, ["-e", script], { encoding: "utf8", ...asNobody });
  assert.match(stdout, /estate-unreadable .*no permission to read it/, stderr);
});

test("a byte order mark and CRLF are read, and positions are right", (context) => {
  const root = checkout(context, ".");
  const plain = readEstate(root);
  for (const name of [FILE_NAMES.host, FILE_NAMES.lxc, FILE_NAMES.vm]) {
    const text = readFileSync(join(root, name), "utf8").replaceAll("\n", "\r\n");
    writeFileSync(join(root, name), `\uFEFF${text}`);
  }
  assert.deepEqual(readEstate(root).guests, plain.guests);
});

test("a byte that is no UTF-8 is named by its place; a replacement character is text", (context) => {
  const root = checkout(context, ".");
  const text = referenceText("vm").replace("Portainer over HTTPS", "Portainer \uFFFD ü over HTTPS");
  writeFileSync(join(root, FILE_NAMES.vm), text);
  assert.match(readEstate(root).guests.at(-2)?.firewall?.rules[0]?.comment ?? "", /\uFFFD ü/);
  const [before = "", after = ""] = text.split("ü");
  writeFileSync(
    join(root, FILE_NAMES.vm),
    Buffer.concat([Buffer.from(before), Buffer.from([0xfc]), Buffer.from(after)]),
  );
  const line = before.split("\n").length;
  const column = before.length - before.lastIndexOf("\n");
  assert.match(
    errorOf(root).message,
    new RegExp(`^phoenix_vm_configs.json:${line}:${column}: .*UTF-8, found the byte 0xfc`),
  );
  writeFileSync(join(root, FILE_NAMES.vm), Buffer.from("\uFEFF{}", "utf16le"));
  assert.match(errorOf(root).message, /json:1:1: .*the byte 0xff/);
});

test("50 MB are refused", (context) => {
  const root = checkout(context, ".");
  writeFileSync(join(root, FILE_NAMES.vm), Buffer.alloc(50_000_000, " "));
  assert.match(errorOf(root).message, /expected at most 32 MiB, found 48 MiB/);
});

test("10,000 levels and millions of tokens are refused", (context) => {
  const root = checkout(context, ".");
  writeFileSync(join(root, FILE_NAMES.vm), '{"a":'.repeat(10_000));
  assert.match(errorOf(root).message, /json:1:1001: expected at most 200 levels of nesting/);
  writeFileSync(join(root, FILE_NAMES.vm), `[${"0,".repeat(16_000_000)}0]`);
  assert.match(errorOf(root).message, /at most 3600000 tokens in the files together/);
});

test("a run of blanks, a string and a word of a million characters are refused; bytes that no one reads cost no time", (context) => {
  const root = checkout(context, ".");
  const text = referenceText("vm");
  const lastLine = text.split("\n").length;
  const rows: [string, RegExp][] = [
    [`${text}${"\n".repeat(2_000_000)}`, new RegExp(`json:${lastLine - 1}:2: `)],
    [`{"vms": [], "note": "${"\\n".repeat(600_000)}"}`, /json:1:21: /],
    ["\0".repeat(2_000_000), /json:1:1: /],
  ];
  for (const [spoilt, place] of rows) {
    writeFileSync(join(root, FILE_NAMES.vm), spoilt);
    const { message } = errorOf(root);
    assert.match(message, place);
    assert.match(message, /at most 1000000 characters in a string, a word or a run of blanks, found more/);
  }
  writeFileSync(join(root, FILE_NAMES.vm), `${text}${" ".repeat(999_990)}`);
  assert.equal(readEstate(root).guests.length, 9);
});

test("tokens are counted over all files, and the one too many is told once", (context) => {
  const root = checkout(context, ".");
  const crowd = `"crowd": [${"0,".repeat(1_700_000)}0],`;
  for (const name of [FILE_NAMES.lxc, FILE_NAMES.vm]) {
    writeFileSync(join(root, name), readFileSync(join(root, name), "utf8").replace("{", `{${crowd}`));
  }
  assert.match(errorOf(root).message, /^phoenix_vm_configs\.json:1:\d+: expected at most 3600000 tokens/);
});

test("many guests, records and labels take no time squared", (context) => {
  const root = checkout(context, ".");
  const host = JSON.parse(referenceText("host"));
  const lxc = JSON.parse(referenceText("lxc"));
  const vm = JSON.parse(referenceText("vm"));
  host.network.interfaces.address = "10.0.0.13/16";
  host.network.default_subnet = "10.0.0.0/16";
  host.dns_server.authoritative_zones[1].records.push(
    ...Array.from({ length: 20_000 }, (_, index) => ({ hostname: `r${index}`, ip_internal: "10.0.0.13" })),
  );
  for (let index = 0; index < 5_000; index++) {
    const ip = `10.0.${1 + Math.floor(index / 200)}.${1 + (index % 200)}/16`;
    lxc.lxc_configs[20_000 + index] = { name: `g${index}`, network_config: { ip } };
  }
  vm.vms[2].docker_stacks = ["app"];
  const labels = Array.from({ length: 20_000 }, (_, index) => [
    `traefik.http.routers.r${index}.rule=Host(\`s${index}.internal.thinkheads.ai\`)`,
    `traefik.http.services.r${index}.loadbalancer.server.port=${1 + index}`,
  ]).flat();
  labels.push(`traefik.http.routers.r.rule=${"Host(".repeat(190_000)}`);
  const services = { web: { traefik_labels: labels } };
  const stacks = { docker_stacks: { app: { environments: { production: { services } } } } };
  for (const [name, value] of Object.entries({ host, lxc, vm, stacks }))
    writeFileSync(join(root, FILE_NAMES[name as keyof typeof FILE_NAMES]), JSON.stringify(value));
  const before = process.threadCpuUsage();
  const { guests, routes } = readEstate(root);
  const { user, system } = process.threadCpuUsage(before);
  assert.deepEqual([guests.length, routes.length], [5_009, 20_004]);
  assert.ok(user + system < 5_000_000, "it took 5 s or more");
});

test("100,000 rules are read; 100,000 wrong ones are counted", (context) => {
  const root = checkout(context, ".");
  const vm = JSON.parse(referenceText("vm"));
  const rule = vm.vms[1].firewall.rules[0];
  vm.vms[1].firewall.rules = Array.from({ length: 100_000 }, () => rule);
  writeFileSync(join(root, FILE_NAMES.vm), JSON.stringify(vm, null, 2));
  const before = process.threadCpuUsage();
  assert.equal(readEstate(root).guests.at(-2)?.firewall?.rules.length, 100_000);
  const { user, system } = process.threadCpuUsage(before);
  assert.ok(user + system < 5_000_000, "it took 5 s or more");
  rule.proto = "icmp";
  writeFileSync(join(root, FILE_NAMES.vm), JSON.stringify(vm, null, 2));
  const errors = errorsOf(root);
  assert.equal(errors.length, 1001);
  assert.match(errors.at(-1)?.message ?? "", /99000 more/);
});
