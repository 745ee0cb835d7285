import { shownMessage } from "../reports/text.ts";

/** A line beside a verb's output, on stderr; what it quotes of a file can do nothing to a terminal. */
export function tellAside(line: string): void {
  process.stderr.write(`phx: ${shownMessage(line)}\n`);
}
