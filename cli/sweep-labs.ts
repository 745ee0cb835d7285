import { sweepLabs } from "../lab/lab.ts";
import { sweepHalfWritten } from "../reports/write.ts";

/** Removes what killed commands left, and tells it in a line each. Labs only as root: they are root's. */
export async function sweep(say: (line: string) => void): Promise<void> {
  const labs = process.getuid?.() === 0 ? sweepLabs() : [];
  for (const name of labs) say(`swept the record of lab ${name}: its phx was killed, or its processes were`);
  for (const file of await sweepHalfWritten()) say(`swept ${file}: its phx was killed while it wrote`);
}
