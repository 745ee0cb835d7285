import { closeSync } from "node:fs";
import { BATCH_SLOTS, ReceiveBatch } from "../lab/batch.ts";
import { receiveDrops } from "../lab/libc.ts";
import type { Sight, Sighting } from "./sight.ts";

/** A socket that hears; where the IP header starts in what it hears, or of which protocol it hears the bodies alone. */
export interface Ear {
  readonly fd: number;
  readonly skip?: number;
  readonly headless?: number;
}

/** What is told of each packet of the probes; `refusal` where somebody refused it. */
export type See = (token: number, refusal: Extract<Sighting, { kind: "refusal" }> | undefined) => void;

/** More than filters let through of a packet. */
const ROOM_BYTES = 192;
const room = new ReceiveBatch(ROOM_BYTES);

/** What a plain RST of the destination says, of which there are many. */
const RESET = { token: 0, kind: "refusal", answer: "RST", by: "" } as const;

/** Looks at what sockets have heard of the probes of one sender. */
export class Capture {
  readonly #ears: readonly Ear[];
  readonly #sight: Sight;

  constructor(ears: readonly Ear[], sight: Sight) {
    this.#ears = ears;
    this.#sight = sight;
  }

  /** Takes all that was heard since the last look. */
  collect(see: See): void {
    for (const ear of this.#ears) {
      let count = BATCH_SLOTS;
      while (count === BATCH_SLOTS) {
        count = room.receive(ear.fd);
        for (let slot = 0; slot < count; slot++) this.#look(ear, slot, see);
      }
    }
  }

  /** The same where a destination's own stack refuses many: who it was is not told. */
  collectPlain(see: See): void {
    const { plainProbe, plainReset } = this.#sight;
    for (const ear of this.#ears) {
      let count = BATCH_SLOTS;
      while (count === BATCH_SLOTS) {
        count = room.receive(ear.fd);
        for (let slot = 0; slot < count; slot++) {
          const at = slot * ROOM_BYTES + (ear.skip ?? 0);
          const end = slot * ROOM_BYTES + room.lengthOf(slot);
          const probe = ear.headless === undefined ? plainProbe(room.bytes, at, end) : -1;
          const reset = probe >= 0 || ear.headless !== undefined ? -1 : plainReset(room.bytes, at, end);
          if (probe >= 0) see(probe, undefined);
          else if (reset >= 0) see(reset, RESET);
          else this.#look(ear, slot, see);
        }
      }
    }
  }

  /** Packets for which there was no room, so far. */
  drops(): number {
    return this.#ears.reduce((sum, { fd }) => sum + receiveDrops(fd), 0);
  }

  close(): void {
    for (const { fd } of this.#ears) closeSync(fd);
  }

  #look({ skip, headless }: Ear, slot: number, see: See): void {
    const at = slot * ROOM_BYTES;
    const bytes = room.bytes.subarray(at + (skip ?? 0), at + room.lengthOf(slot));
    const seen = headless === undefined ? this.#sight.packet(bytes) : this.#sight.body(headless, bytes);
    if (seen) see(seen.token, seen.kind === "refusal" ? seen : undefined);
  }
}
