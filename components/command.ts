import { spawn } from "node:child_process";

/** What a child left: its exit status (127: no such program; 128: ended by a signal) and all that it wrote. */
export interface CommandResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly cwd?: string;
  /** Added to the environment of phx. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a program that dies with phx: the kernel sends it SIGKILL when its parent ends. A failure is a status, no throw. */
export function command(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const child = spawn("/usr/bin/setpriv", ["--pdeathsig", "KILL", "--", program, ...args], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  return new Promise((resolve) => {
    child.on("error", (error) => resolve({ status: 127, stdout, stderr: error.message }));
    child.on("close", (status) => resolve({ status: status ?? 128, stdout, stderr }));
  });
}

/** The last lines that a program wrote, as one: the place in a message where its own reason stands. */
export function lastLines({ status, stdout, stderr }: CommandResult, count = 5): string {
  const lines = (stderr.trim() || stdout.trim()).split("\n").slice(-count);
  return `status ${status}: ${lines.map((line) => line.trim()).join(" / ")}`;
}
