import koffi from "koffi";
import {
  call,
  type Called,
  EAGAIN,
  ENETDOWN,
  failed,
  failedWith,
  MSG_DONTWAIT,
  queueFull,
  sendmmsgBeside,
} from "./libc.ts";
import { BOUND, readBack } from "./waits.ts";

const MMSGHDR_BYTES = 64;
const IOVEC_BYTES = 16;
/* Offsets in struct mmsghdr, x86_64 and arm64. */
const HEADER = { name: 0, nameBytes: 8, vectors: 16, vectorCount: 24, received: 56 } as const;

/** Messages that one system call takes. */
export const BATCH_SLOTS = 1024;

/** Slots of one size in one piece of memory, and the headers that point there: made once, used for every call. */
class Slots {
  readonly bytes: Buffer;
  readonly view: DataView;
  readonly stride: number;
  readonly headers: Buffer;
  readonly vectors: Buffer;

  constructor(count: number, stride: number) {
    this.stride = stride;
    this.bytes = Buffer.from(new ArrayBuffer(count * stride));
    this.view = new DataView(this.bytes.buffer);
    this.headers = Buffer.from(new ArrayBuffer(count * MMSGHDR_BYTES));
    this.vectors = Buffer.from(new ArrayBuffer(count * IOVEC_BYTES));
    const [bytesAt, vectorsAt] = [koffi.address(this.bytes), koffi.address(this.vectors)].map(BigInt);
    for (let slot = 0; slot < count; slot++) {
      const vector = slot * IOVEC_BYTES;
      this.vectors.writeBigUInt64LE((bytesAt ?? 0n) + BigInt(slot * stride), vector);
      this.vectors.writeBigUInt64LE(BigInt(stride), vector + 8);
      const header = slot * MMSGHDR_BYTES;
      this.headers.writeBigUInt64LE((vectorsAt ?? 0n) + BigInt(vector), header + HEADER.vectors);
      this.headers.writeBigUInt64LE(1n, header + HEADER.vectorCount);
    }
  }
}

/** A message that the kernel would not send, by its slot, and errno(3). */
export interface Unsent {
  readonly slot: number;
  readonly errno: number;
  /** It was tried twice: a call that fails amid its messages says only how many went out, and not why the next did not. */
  readonly isTwice: boolean;
}

/** Messages that are written in place and handed to the kernel many at a time, sendmmsg(2). */
export class SendBatch extends Slots {
  #to: Buffer | undefined;
  readonly #count: number;

  constructor(count: number, stride: number) {
    super(count, stride);
    this.#count = count;
  }

  setLength(slot: number, bytes: number): void {
    this.vectors.writeUInt32LE(bytes, slot * IOVEC_BYTES + 8);
  }

  /** Where all messages go: a sockaddr, or nothing for a socket that knows. */
  address(to: Buffer | undefined): void {
    this.#to = to && Buffer.from(Uint8Array.from(to).buffer);
    const at = this.#to ? BigInt(koffi.address(this.#to)) : 0n;
    for (let header = 0; header < this.#count * MMSGHDR_BYTES; header += MMSGHDR_BYTES) {
      this.headers.writeBigUInt64LE(at, header + HEADER.name);
      this.headers.writeUInt32LE(this.#to?.length ?? 0, header + HEADER.nameBytes);
    }
  }

  /**
   * Sends slots up to `end`, in order, without a pause. What the kernel refuses with one of the `expected` errors is told
   * and left out; any other error is thrown.
   */
  send(fd: number, end: number, expected: ReadonlySet<number>): Unsent[] {
    const way = new Progress(end, expected);
    while (way.isOpen) this.#call(fd, way, BATCH_SLOTS);
    return way.unsent;
  }

  /**
   * The same on another thread, as far as one call goes: this one may look at what arrives meanwhile, and must leave the
   * slots alone. What is left then is sent here: a call that ends early ends after each packet that is refused. Of what a
   * full queue has no room for within `sendQueueMs` the rest is told as unsent.
   */
  async sendBeside(fd: number, end: number, expected: ReadonlySet<number>): Promise<Unsent[]> {
    const way = new Progress(end, expected);
    const asked = way.next(BATCH_SLOTS);
    way.called(asked, await sendmmsgBeside(fd, this.#headersFrom(way.slot), asked));
    return this.#sendRest(fd, way, BATCH_SLOTS);
  }

  /** The same on this thread, a call each: none is tried twice. */
  sendSingly(fd: number, end: number, expected: ReadonlySet<number>): Promise<Unsent[]> {
    return this.#sendRest(fd, new Progress(end, expected), 1);
  }

  async #sendRest(fd: number, way: Progress, most: number): Promise<Unsent[]> {
    const send = () => {
      do if (way.isOpen) this.#call(fd, way, most);
      while (way.isOpen && !way.isFull);
      return way.isOpen ? undefined : way.unsent;
    };
    return (await readBack(send, BOUND.sendQueueMs)) ?? way.giveUp();
  }

  #call(fd: number, way: Progress, most: number): void {
    const asked = way.next(most);
    const value = call.sendmmsg(fd, this.#headersFrom(way.slot), asked, 0);
    way.called(asked, { value, errno: value < 0 ? koffi.errno() : 0 });
  }

  #headersFrom(slot: number): Buffer {
    return this.headers.subarray(slot * MMSGHDR_BYTES);
  }
}

/** How far a batch has been sent. */
class Progress {
  slot = 0;
  readonly unsent: Unsent[] = [];
  readonly #end: number;
  readonly #expected: ReadonlySet<number>;
  /** The last call found no room in the sender's queue. */
  isFull = false;
  /** Some went out and the next one did not. */
  #isAmid = false;

  constructor(end: number, expected: ReadonlySet<number>) {
    this.#end = end;
    this.#expected = expected;
  }

  get isOpen(): boolean {
    return this.slot < this.#end;
  }

  /** How many the next call takes. */
  next(most: number): number {
    return Math.min(this.#end - this.slot, most);
  }

  called(asked: number, { value, errno }: Called): void {
    this.isFull = value < 0 && queueFull(errno);
    if (value > 0) {
      this.#isAmid = value < asked;
      this.slot += value;
    } else if (this.#expected.has(errno)) {
      this.unsent.push({ slot: this.slot++, errno, isTwice: this.#isAmid });
      this.#isAmid = false;
    } else if (!this.isFull) throw failedWith("sendmmsg", errno);
  }

  /** What is left has no room. */
  giveUp(): Unsent[] {
    while (this.isOpen) this.unsent.push({ slot: this.slot++, errno: EAGAIN, isTwice: false });
    return this.unsent;
  }
}

/** Room for what a socket has received, many messages at a time, recvmmsg(2). */
export class ReceiveBatch extends Slots {
  constructor(stride: number) {
    super(BATCH_SLOTS, stride);
  }

  /** How many messages were waiting and now stand in the first slots; at most `BATCH_SLOTS`. */
  receive(fd: number): number {
    const count = call.recvmmsg(fd, this.headers, BATCH_SLOTS, MSG_DONTWAIT, null);
    if (count >= 0) return count;
    // A device that went down says so once to each socket that is bound to it; what it lost shows in the sum.
    if (queueFull(koffi.errno()) || koffi.errno() === ENETDOWN) return 0;
    throw failed("recvmmsg");
  }

  /** Bytes of the message in a slot. */
  lengthOf(slot: number): number {
    return this.headers.readUInt32LE(slot * MMSGHDR_BYTES + HEADER.received);
  }
}
