/** Seconds with one decimal, as a person reads them. */
export function seconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(1)} s`;
}

/**
 * Steps that run side by side, told as they go: on a terminal one line that is updated (what is left, for how long),
 * elsewhere a plain line for each event. To stderr: stdout is the verb's own.
 */
export class Progress {
  readonly #title: string;
  readonly #stream: NodeJS.WriteStream;
  readonly #running = new Map<string, number>();
  readonly #at = new Map<string, string>();
  #waiting: string[];
  #timer: NodeJS.Timeout | undefined;

  constructor(title: string, steps: readonly string[], stream: NodeJS.WriteStream = process.stderr) {
    this.#title = title;
    this.#waiting = [...steps];
    this.#stream = stream;
  }

  /** Does the step's work and tells its start, its end and its duration; a failure is told and thrown on. */
  async step<T>(name: string, work: (say: (line: string) => void) => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    this.#waiting = this.#waiting.filter((other) => other !== name);
    this.#running.set(name, startedAt);
    this.#redraw();
    let outcome = "failed";
    try {
      const result = await work((line) => this.say(`${name}: ${line}`));
      outcome = "done";
      return result;
    } finally {
      this.#running.delete(name);
      this.say(`${name}: ${outcome} after ${seconds(performance.now() - startedAt)}${this.#remaining()}`);
    }
  }

  /** A line that stays. */
  say(line: string): void {
    this.#erase();
    this.#stream.write(`${this.#title}: ${line}\n`);
    this.#redraw();
  }

  /** What a running step has come to: shown with it on a terminal when next its line is. */
  at(name: string, text: string): void {
    this.#at.set(name, ` (${text})`);
  }

  /** Before another writes to the same terminal; the line comes back by itself. */
  clear(): void {
    this.#erase();
  }

  #remaining(): string {
    const left = [...this.#running.keys(), ...this.#waiting];
    return left.length === 0 ? "" : ` (left: ${left.join(", ")})`;
  }

  #redraw(): void {
    if (!this.#stream.isTTY) return;
    clearTimeout(this.#timer);
    this.#erase();
    if (this.#running.size === 0) return;
    const now = performance.now();
    const running = [...this.#running].map(
      ([name, startedAt]) => `${name}${this.#at.get(name) ?? ""} ${Math.round((now - startedAt) / 1000)} s`,
    );
    const waiting = this.#waiting.length === 0 ? "" : `, then ${this.#waiting.join(", ")}`;
    this.#stream.write(`${this.#title}: ${running.join(", ")}${waiting}`.slice(0, this.#stream.columns - 1));
    this.#timer = setTimeout(() => this.#redraw(), 1000).unref();
  }

  #erase(): void {
    if (this.#stream.isTTY) this.#stream.write("\r\x1b[K");
  }
}
