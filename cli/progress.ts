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

/** Between two drawings of a line that changes often. */
const REDRAW_MS = 100;

/**
 * A count on its way to a known end: on a terminal one line that is updated (`wan > 101: 4,096 of 65,535 (6 %), 80,000
 * packets/s, 1 s left`), elsewhere only the lines that stay. To stderr: stdout is the verb's own.
 */
export class Meter {
  readonly #title: string;
  readonly #total: number;
  readonly #unit: string;
  readonly #stream: NodeJS.WriteStream;
  readonly #startedAt = performance.now();
  #done = 0;
  #label = "";
  #drawnAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(title: string, total: number, unit: string, stream: NodeJS.WriteStream = process.stderr) {
    this.#title = title;
    this.#total = total;
    this.#unit = unit;
    this.#stream = stream;
  }

  /** What is counted from now on. */
  label(label: string): void {
    this.#label = label;
    this.#draw();
  }

  add(count: number): void {
    this.#done += count;
    if (performance.now() - this.#drawnAt >= REDRAW_MS) this.#draw();
  }

  /** A line that stays. */
  say(line: string): void {
    this.clear();
    this.#stream.write(`${this.#title}: ${line}\n`);
  }

  /** Takes the line away, before something else is written. */
  clear(): void {
    clearTimeout(this.#timer);
    if (this.#stream.isTTY) this.#stream.write("\r\x1b[K");
  }

  #draw(): void {
    if (!this.#stream.isTTY) return;
    this.#drawnAt = performance.now();
    const perSecond = (this.#done / Math.max(this.#drawnAt - this.#startedAt, 1)) * 1000;
    const left = this.#done === 0 ? "" : `, ${Math.ceil((this.#total - this.#done) / perSecond)} s left`;
    const [done, total, rate] = [this.#done, this.#total, Math.round(perSecond)].map((each) =>
      each.toLocaleString("en-US"),
    );
    const share = Math.floor((this.#done / Math.max(this.#total, 1)) * 100);
    const line = `${this.#title}: ${this.#label}: ${done} of ${total} (${share} %), ${rate} ${this.#unit}/s${left}`;
    this.clear();
    // A terminal may not know its width.
    this.#stream.write(this.#stream.columns > 0 ? line.slice(0, this.#stream.columns - 1) : line);
    this.#timer = setTimeout(() => this.#draw(), 1000).unref();
  }
}
