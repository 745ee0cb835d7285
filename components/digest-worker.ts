import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";

const BLOCK_BYTES = 1 << 20;

const hash = createHash("sha256");
const block = Buffer.allocUnsafe(BLOCK_BYTES);
const descriptor = openSync(String(workerData), "r");
for (;;) {
  const length = readSync(descriptor, block);
  if (length === 0) break;
  hash.update(block.subarray(0, length));
}
closeSync(descriptor);
parentPort?.postMessage(hash.digest("hex"));
