/** Exit status of `phx`. Precedence when several hold: 2, 3, 1, 4, 0. */
export const EXIT = { conformant: 0, findings: 1, badInput: 2, harnessFault: 3, inconclusive: 4 } as const;

interface FaultKind {
  readonly exit: 2 | 3;
  readonly remedy: string;
}

/** Every way in which the harness itself can refuse or break: code, exit status and what to do about it. */
export const FAULTS = {
  usage: { exit: 2, remedy: "Run 'phx --help', or 'phx VERB --help' for one verb." },
  "estate-missing": { exit: 2, remedy: "Give the folder that holds the Phoenix files." },
  "estate-ambiguous": { exit: 2, remedy: "Give one of the folders listed." },
  "estate-unreadable": { exit: 2, remedy: "Make the file a regular, readable file." },
  "json-syntax": { exit: 2, remedy: "Correct the JSON at that place." },
  "json-duplicate-key": { exit: 2, remedy: "Keep one of the two keys." },
  "json-type": { exit: 2, remedy: "Give a value of the expected kind." },
  "firewall-twice": { exit: 2, remedy: "Keep one of the two sections." },
  "role-missing": { exit: 2, remedy: "Name the function in the guest's features or name." },
  "role-ambiguous": { exit: 2, remedy: "Leave the function with one guest." },
  "address-twice": { exit: 2, remedy: "Give each guest an address of its own." },
  "address-outside": { exit: 2, remedy: "Give an address of the declared subnet." },
  "subnet-full": { exit: 2, remedy: "Declare a larger subnet, or fewer addresses in it." },
  "port-without-protocol": {
    exit: 2,
    remedy: "Add proto: tcp or udp (sctp, dccp and udplite have ports too).",
  },
  "rule-invalid": { exit: 2, remedy: "Write the rule as Proxmox accepts it." },
  "control-unknown": { exit: 2, remedy: "Name a control or a family of the catalogue: 'phx verify --help'." },
  "vector-invalid": {
    exit: 2,
    remedy: "Write the line as phx vectors --help tells.",
  },
  "revision-unknown": {
    exit: 2,
    remedy:
      "Give a folder, or a revision that 'git rev-parse' knows; a shallow clone has only its last ones.",
  },
  "run-missing": { exit: 2, remedy: "Give a folder of reports/out that holds a run.json." },
  "run-invalid": { exit: 2, remedy: "Give a run.json that phx wrote." },
  "lab-missing": { exit: 2, remedy: "Run 'phx converge DIR' first, or name one of those found." },
  "lab-ambiguous": { exit: 2, remedy: "Name one of the labs listed." },
  "not-root": { exit: 3, remedy: "Run it as root (sudo ./phx ...)." },
  "capability-missing": {
    exit: 3,
    remedy: "Run it with root's capabilities: a container is given each by name (--cap-add).",
  },
  "platform-unsupported": { exit: 3, remedy: "Run it on Debian 12 or later, x86_64." },
  "kernel-lacks": {
    exit: 3,
    remedy: "Load the module, or run on a kernel that has it; 'phx doctor' lists them.",
  },
  "package-install": { exit: 3, remedy: "Install the package by hand and run it again." },
  "component-download": {
    exit: 3,
    remedy: "Check the network and the package index, then run 'phx setup' again.",
  },
  "component-digest": {
    exit: 3,
    remedy: "Delete the named folder and run 'phx setup' again; if it repeats, do not use it.",
  },
  "component-build": { exit: 3, remedy: "Read the build's output above, then run 'phx setup' again." },
  "component-missing": { exit: 3, remedy: "Run 'phx setup'." },
  "git-missing": { exit: 3, remedy: "Install git, or give two folders." },
  "git-failed": { exit: 3, remedy: "Read git's own message." },
  "lab-start": { exit: 3, remedy: "Run 'phx doctor' and read what the kernel lacks." },
  "lab-busy": { exit: 3, remedy: "Wait for the other phx, or choose another name with --lab." },
  "lab-gone": { exit: 3, remedy: "The lab was destroyed while in use: run the command again." },
  "lab-command": { exit: 3, remedy: "Read the command's own message; 'phx doctor' shows what is missing." },
  "not-ready": { exit: 3, remedy: "Read the server's last lines in the message." },
  "isolation-broken": {
    exit: 3,
    remedy: "Something of the lab reached the root namespace: report this with the run's folder.",
  },
  "working-folder": { exit: 3, remedy: "Change to a folder that is there (cd) and run it again." },
  "descriptor-limit": { exit: 3, remedy: "Raise it as root (ulimit -n 4096) and run it again." },
  "disk-write": { exit: 3, remedy: "Free space or give a writable folder, then run it again." },
  "harness-bug": { exit: 3, remedy: "This is a defect of phx: report it with the message above." },
} as const satisfies Record<string, FaultKind>;

export type FaultCode = keyof typeof FAULTS;

/** Where it went wrong, what was expected there and what was found. */
export interface FaultDetail {
  readonly subject: string;
  readonly expected: string;
  readonly actual: string;
  /** Replaces the table's remedy where the place knows a better one. */
  readonly remedy?: string;
}

/** The harness can't go on. Never used for non-conformance (a Finding) or for could-not-tell (outcome `unknown`). */
export class HarnessError extends Error {
  override readonly name = "HarnessError";
  readonly code: FaultCode;
  readonly detail: FaultDetail;

  constructor(code: FaultCode, detail: FaultDetail, options?: ErrorOptions) {
    super(describe(code, detail), options);
    this.code = code;
    this.detail = detail;
  }

  get exit(): 2 | 3 {
    return FAULTS[this.code].exit;
  }
}

/** Several faults of one input, all told at once. */
export class HarnessErrors extends AggregateError {
  override readonly name = "HarnessErrors";
  override readonly errors: HarnessError[];

  constructor(errors: readonly HarnessError[]) {
    super(errors, errors.map((error) => error.message).join("\n"));
    this.errors = [...errors];
  }

  get exit(): 2 | 3 {
    return this.errors.some((error) => error.exit === 2) ? 2 : 3;
  }
}

function describe(code: FaultCode, { subject, expected, actual, remedy }: FaultDetail): string {
  return `${subject}: expected ${expected}, found ${actual}. ${remedy ?? FAULTS[code].remedy} [${code}]`;
}
