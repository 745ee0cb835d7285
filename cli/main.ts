import { readFileSync } from "node:fs";
import { FAULTS } from "../errors.ts";
import { tellAside } from "./aside.ts";
import { describeError } from "./fault.ts";
import { requireSurroundings } from "./surroundings.ts";

/** A file of this folder that is a verb. */
interface Verb {
  readonly help: string;
  run(args: string[]): Promise<number>;
}

interface Entry {
  readonly does: string;
  readonly example: string;
  /** It changes something: what killed runs left is swept before. */
  readonly acts: boolean;
  /** Lazily, so that `phx --help` loads none of them. */
  readonly load: () => Promise<Verb>;
}

const VERBS: Readonly<Record<string, Entry>> = {
  verify: {
    does: "proves the network of the files, for real, and writes the report",
    example: "sudo phx verify my-estate",
    acts: true,
    load: () => import("./verify.ts"),
  },
  test: {
    does: "runs every test of phx: unit tests and conformance",
    example: "sudo phx test",
    acts: true,
    load: () => import("./test.ts"),
  },
  probe: {
    does: "judges a standing lab, and converges nothing",
    example: "sudo phx probe my-estate",
    acts: true,
    load: () => import("./probe.ts"),
  },
  sweep: {
    does: "asks a lab for every port of a pair, and holds it against the model",
    example: "sudo phx sweep my-estate --from wan --to 101",
    acts: true,
    load: () => import("./sweep.ts"),
  },
  setup: {
    does: "brings the packages and components that a lab needs",
    example: "sudo phx setup",
    acts: true,
    load: () => import("./setup.ts"),
  },
  doctor: {
    does: "says what is there and what is missing; changes nothing",
    example: "sudo phx doctor",
    acts: false,
    load: () => import("./doctor.ts"),
  },
  plan: {
    does: "prints what converge would do",
    example: "phx plan my-estate --json",
    acts: false,
    load: () => import("./plan.ts"),
  },
  converge: {
    does: "builds the network that the files describe, and leaves it up",
    example: "sudo phx converge my-estate",
    acts: true,
    load: () => import("./converge.ts"),
  },
  destroy: {
    does: "ends a standing lab",
    example: "sudo phx destroy my-estate",
    acts: true,
    load: () => import("./destroy.ts"),
  },
  explain: {
    does: "says which lines of the files decide one packet",
    example: "phx explain my-estate --from wan --to 101 --port 8080",
    acts: false,
    load: () => import("./explain.ts"),
  },
  check: {
    does: "says what is wrong with the files: a lint with places and remedies",
    example: "phx check my-estate",
    acts: false,
    load: () => import("./check.ts"),
  },
  coverage: {
    does: "says which packets each rule alone decides, and why a rule decides none",
    example: "phx coverage my-estate",
    acts: false,
    load: () => import("./coverage.ts"),
  },
  diff: {
    does: "says what a change of the files lets through, and what no more",
    example: "phx diff main..HEAD -- etc",
    acts: false,
    load: () => import("./diff.ts"),
  },
  premerge: {
    does: "proves a change before it is merged: HEAD verified, what changes shown live twice",
    example: "sudo phx premerge main..HEAD -- etc",
    acts: true,
    load: () => import("./premerge.ts"),
  },
  vectors: {
    does: "holds the model, and with --live the kernel, against what Proxmox decided",
    example: "phx vectors pve-phoenix.jsonl",
    acts: false,
    load: () => import("./vectors.ts"),
  },
  export: {
    does: "writes the declared firewall as Proxmox's own files",
    example: "phx export pve my-estate --out pve-files",
    acts: false,
    load: () => import("./export.ts"),
  },
  import: {
    does: "says a Proxmox node's own firewall files in Phoenix JSON",
    example: "phx import pve /etc/pve",
    acts: false,
    load: () => import("./import.ts"),
  },
  report: {
    does: "renders a run's report again",
    example: "phx report",
    acts: true,
    load: () => import("./report.ts"),
  },
};

function help(): string {
  const width = Math.max(...Object.keys(VERBS).map((name) => name.length));
  const doing = Math.max(...Object.values(VERBS).map(({ does }) => does.length));
  const verbs = Object.entries(VERBS).map(
    ([name, { does, example }]) => `  ${name.padEnd(width)}  ${does.padEnd(doing)}  ${example}\n`,
  );
  return `usage: phx VERB [arguments]

Proves, with evidence, that a Phoenix Hypervisor network is what its declarative files say and what its security
requirements ask for.

verbs, each with an example:
${verbs.join("")}
flags:
  --help     this text; 'phx VERB --help' tells about one verb
  --version  the version of phx, and of the components that it brings with their pinned digests

exit status (of several the first that holds: 2, 3, 1, 4, 0):
  0  conformant, or done
  1  findings: the network is not what it should be
  2  bad input: an argument or a file
  3  the harness or its environment failed
  4  inconclusive: something that is in scope could not be told
`;
}

async function version(): Promise<string> {
  const { TRAEFIK, STEP_CA } = await import("../components/pin.ts");
  const { name, version } = JSON.parse(
    readFileSync(new URL("../package.json", import.meta.url), "utf8"),
  ) as Record<string, string>;
  const short = (sha256: string) => sha256.slice(0, 12);
  const builds = Object.entries(STEP_CA.sha256ByGo).map(
    ([go, sha256]) => `${short(sha256)} built with ${go}`,
  );
  return `${name} ${version}
traefik ${TRAEFIK.version}, sha256 ${short(TRAEFIK.sha256)}
step-ca ${STEP_CA.version}, sha256 ${builds.join(", ")}
`;
}

async function main([name, ...args]: readonly string[]): Promise<number> {
  if (name === "--version") return print(await version());
  if (name === undefined || name === "--help" || name === "-h" || name === "help") return print(help());
  const entry = Object.hasOwn(VERBS, name) ? VERBS[name] : undefined;
  if (!entry) return unknownVerb(name);
  const verb = await entry.load();
  const flags = args.includes("--") ? args.slice(0, args.indexOf("--")) : args;
  if (flags.includes("--help") || flags.includes("-h")) return print(verb.help);
  requireSurroundings();
  if (entry.acts) await (await import("./sweep-labs.ts")).sweep(tellAside);
  return verb.run(args);
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

async function unknownVerb(name: string): Promise<number> {
  const { nearest } = await import("./nearest.ts");
  const near = nearest(name, Object.keys(VERBS));
  const hint = near === undefined ? "" : `Did you mean 'phx ${near}'? `;
  tellAside(
    `${JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}...` : name)}: expected one of ${Object.keys(VERBS).join(", ")}, found no such verb. ${hint}${FAULTS.usage.remedy} [usage]`,
  );
  return FAULTS.usage.exit;
}

/** What was thrown, told on stderr, and its exit status. */
function fail(error: unknown): number {
  const { lines, exit } = describeError(error, process.env["PHX_DEBUG"] === "1");
  for (const line of lines) tellAside(line);
  return exit;
}

/** Where Debian keeps ipset, iptables and named: not on the PATH that a plain su(1) leaves root with. */
const ROOTS_FOLDERS = ["/usr/local/sbin", "/usr/sbin", "/sbin"];
const path = (process.env["PATH"] || "/usr/local/bin:/usr/bin:/bin").split(":");
process.env["PATH"] = [...new Set([...path, ...ROOTS_FOLDERS])].join(":");

// The launcher's, for phx itself: what phx starts writes nothing into the clone.
delete process.env["NODE_COMPILE_CACHE"];

const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/* Whoever holds something that must not outlive phx lets it go on process "exit" (a lab that was not handed over). */
for (const [signal, status] of Object.entries(SIGNALS)) process.once(signal, () => process.exit(status));
for (const [name, stream] of Object.entries({ stdout: process.stdout, stderr: process.stderr })) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    // The reader has gone (phx plan | head): what is being done is still done.
    if (error.code !== "EPIPE") process.exit(fail(Object.assign(error, { path: name })));
  });
}
process.on("uncaughtException", (error) => process.exit(fail(error)));

const status = await main(process.argv.slice(2)).catch(fail);
// Only after the streams' errors: a disk that is full shows a little later than it is written to. What wrote nothing
// has nothing to wait for, and a full disk under it is no fault. A thousand errors may wait for a slow reader.
const waiting = [process.stdout, process.stderr].filter(({ writableLength }) => writableLength > 0);
const written = waiting.map((stream) => new Promise<void>((resolve) => stream.write("", () => resolve())));
void Promise.all(written).then(() => setImmediate(() => process.exit(status)));
