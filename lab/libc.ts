import koffi from "koffi";

/** The few system calls that node has no door to. Constants are those of x86_64 and arm64 Linux. */
const libc = koffi.load("libc.so.6");

type Argument = number | string | Buffer | null;

/** koffi leaves a function's type open; all of these give a number. */
const bound = (definition: string): ((...given: Argument[]) => number) => libc.func(definition);

const sendmmsg = libc.func("int sendmmsg(int, void *, uint32_t, int)");

/** For this folder alone; `failed` tells what `errno` says after one of them. */
export const call = {
  setns: bound("int setns(int, int)"),
  socket: bound("int socket(int, int, int)"),
  bind: bound("int bind(int, void *, uint32_t)"),
  setsockopt: bound("int setsockopt(int, int, int, void *, uint32_t)"),
  getsockopt: bound("int getsockopt(int, int, int, void *, void *)"),
  sendmmsg: sendmmsg as (...given: Argument[]) => number,
  recvmmsg: bound("int recvmmsg(int, void *, uint32_t, int, void *)"),
  recv: bound("intptr_t recv(int, _Out_ void *, size_t, int)"),
  flock: bound("int flock(int, int)"),
  ifNameToIndex: bound("uint32_t if_nametoindex(const char *)"),
};

/** What a call gave back, and errno(3) after it. */
export interface Called {
  readonly value: number;
  readonly errno: number;
}

/** sendmmsg(2) on another thread: the headers, and all that they point to, must stay as they are until it is done. */
export function sendmmsgBeside(fd: number, headers: Buffer, count: number): Promise<Called> {
  return new Promise((resolve, reject) => {
    sendmmsg.async(fd, headers, count, 0, (error: Error | null, value: number) => {
      if (error) reject(error);
      else resolve({ value, errno: value < 0 ? koffi.errno() : 0 });
    });
  });
}

export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const AF_PACKET = 17;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
export const ETH_P_IP = 0x0800;
export const ETH_P_ALL = 0x0003;
export const IPPROTO_RAW = 255;

const IPPROTO_IP = 0;
const CLONE_NEWNET = 0x40000000;
const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_ATTACH_FILTER = 26;
const SO_RCVBUFFORCE = 33;
const SO_MARK = 36;
const SO_MEMINFO = 55;
const SK_MEMINFO_DROPS = 8;
const IPPROTO_IPV6 = 41;
export const MSG_DONTWAIT = 0x40;
export const EAGAIN = 11;

function check(value: number, what: string): number {
  if (value >= 0) return value;
  throw failed(what);
}

/** What the last call left in errno(3), as an error. */
export function failed(what: string): Error {
  return failedWith(what, koffi.errno());
}

export function failedWith(what: string, errno: number): Error {
  const name = errnoName(errno);
  return Object.assign(new Error(`${what}: ${name}`), { errno, code: name });
}

/** `EPERM` for 1. */
export function errnoName(errno: number): string {
  return Object.entries(koffi.os.errno).find(([, code]) => code === errno)?.[0] ?? String(errno);
}

/** What the firewall's OUTPUT answers to a sender, and what a missing route or neighbour does. */
export const { EPERM, ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL, EMSGSIZE, ENETDOWN } = koffi.os
  .errno as Record<
  "EPERM" | "ENETUNREACH" | "EHOSTUNREACH" | "EACCES" | "EINVAL" | "EMSGSIZE" | "ENETDOWN",
  number
>;

/** setns(2) of the calling thread into the network namespace behind `fd`. */
export function setns(fd: number): void {
  check(call.setns(fd, CLONE_NEWNET), "setns");
}

/** socket(2); it stays in the network namespace that the thread is in now. */
export function socket(family: number, type: number, protocol: number): number {
  return check(call.socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol), "socket");
}

/** bind(2) to an IPv4 address and port. */
export function bindInet(fd: number, address: string, port: number): void {
  check(call.bind(fd, sockaddrIn(address, port), 16), `bind ${address}:${port}`);
}

/** bind(2) of a packet socket to one interface, packet(7). */
export function bindPacket(fd: number, ifIndex: number, etherType: number): void {
  const sockaddr = Buffer.alloc(20);
  sockaddr.writeUInt16LE(AF_PACKET, 0);
  sockaddr.writeUInt16BE(etherType, 2);
  sockaddr.writeInt32LE(ifIndex, 4);
  check(call.bind(fd, sockaddr, sockaddr.length), `bind to interface ${ifIndex}`);
}

/** `struct sockaddr_in`, ip(7). */
export function sockaddrIn(address: string, port: number): Buffer {
  const sockaddr = Buffer.alloc(16);
  sockaddr.writeUInt16LE(AF_INET, 0);
  sockaddr.writeUInt16BE(port, 2);
  for (const [index, octet] of address.split(".").entries()) sockaddr.writeUInt8(Number(octet), 4 + index);
  return sockaddr;
}

/** `struct sockaddr_in6` of an address of 16 bytes, ipv6(7). */
export function sockaddrIn6(address: Buffer): Buffer {
  const sockaddr = Buffer.alloc(28);
  sockaddr.writeUInt16LE(AF_INET6, 0);
  address.copy(sockaddr, 8);
  return sockaddr;
}

export function reuseAddress(fd: number): void {
  setIntOption(fd, SO_REUSEADDR, 1);
}

/** SO_RCVBUFFORCE, socket(7): past rmem_max, which is the root's to set. */
export function forceReceiveBuffer(fd: number, bytes: number): void {
  setIntOption(fd, SO_RCVBUFFORCE, bytes);
}

/** SO_MARK, socket(7): routing rules know the socket's packets by it. */
export function markPackets(fd: number, mark: number): void {
  setIntOption(fd, SO_MARK, mark);
}

/** One instruction of a classic packet filter, linux/filter.h: code, jump if true, jump if false, operand. */
export type FilterStep = readonly [code: number, ifTrue: number, ifFalse: number, operand: number];

/** SO_ATTACH_FILTER, socket(7): the socket receives only what the program lets through. */
export function attachFilter(fd: number, program: readonly FilterStep[]): void {
  const steps = Buffer.alloc(program.length * 8);
  for (const [index, [code, ifTrue, ifFalse, operand]] of program.entries()) {
    steps.writeUInt16LE(code, index * 8);
    steps.writeUInt8(ifTrue, index * 8 + 2);
    steps.writeUInt8(ifFalse, index * 8 + 3);
    steps.writeUInt32LE(operand, index * 8 + 4);
  }
  const header = Buffer.alloc(16);
  header.writeUInt16LE(program.length, 0);
  header.writeBigUInt64LE(BigInt(koffi.address(steps)), 8);
  check(
    call.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, header, header.length),
    "setsockopt SO_ATTACH_FILTER",
  );
}

function setIntOption(fd: number, option: number, value: number): void {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32LE(value);
  check(call.setsockopt(fd, SOL_SOCKET, option, buffer, 4), `setsockopt ${option}`);
}

/** getsockopt(2) at the level of IP, filling the whole of `into`, whose first bytes may say what is asked for. */
export function readIpOption(fd: number, option: number, into: Buffer): void {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(into.length);
  check(call.getsockopt(fd, IPPROTO_IP, option, into, length), `getsockopt ${option}`);
}

/** The same at the level of IPv6. */
export function readIp6Option(fd: number, option: number, into: Buffer): void {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(into.length);
  check(call.getsockopt(fd, IPPROTO_IPV6, option, into, length), `getsockopt ${option}`);
}

/** Packets that a socket was to receive and had no room for, since it was made: SO_MEMINFO, socket(7). */
export function receiveDrops(fd: number): number {
  const memory = Buffer.alloc(9 * 4);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(memory.length);
  check(call.getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, length), "getsockopt SO_MEMINFO");
  return memory.readUInt32LE(SK_MEMINFO_DROPS * 4);
}

/** Index of an interface of the namespace that the thread is in now; 0 where there is none. */
export function interfaceIndex(name: string): number {
  return call.ifNameToIndex(name);
}

/** Whether nobody holds the exclusive flock(2) on `fd`; takes a shared one for a moment to see it. */
export function isUnlocked(fd: number): boolean {
  return call.flock(fd, LOCK_SH | LOCK_NB) === 0;
}

/** Takes the exclusive flock(2) on `fd` unless another holds one; it lasts until every copy of the descriptor is closed. */
export function tryLock(fd: number): boolean {
  return call.flock(fd, LOCK_EX | LOCK_NB) === 0;
}

/** Bytes of the next datagram into `into`, or -1 where none waits. */
export function receive(fd: number, into: Buffer): number {
  const length = Number(call.recv(fd, into, into.length, MSG_DONTWAIT));
  if (length >= 0) return length;
  if (koffi.errno() === EAGAIN) return -1;
  return check(length, "recv");
}

/** How often in a row a full queue is tried again before it counts as an error. */
const SEND_QUEUE_FULL_LIMIT = 1_000_000;

export function queueFull(errno: number): boolean {
  return errno === EAGAIN || errno === koffi.os.errno.ENOBUFS;
}

const MMSGHDR_BYTES = 64;
const IOVEC_BYTES = 16;

/**
 * sendmmsg(2): hands all `packets` to the kernel, in order; `to` (a sockaddr per packet) for sockets without a peer.
 * Returns the indexes that the kernel refused with EPERM (netfilter's OUTPUT); any other error is thrown.
 */
export function sendAll(fd: number, packets: readonly Buffer[], to?: readonly Buffer[]): number[] {
  const refused: number[] = [];
  const headers = Buffer.alloc(packets.length * MMSGHDR_BYTES);
  const vectors = Buffer.alloc(packets.length * IOVEC_BYTES);
  const vectorsAt = BigInt(koffi.address(vectors));
  for (const [index, packet] of packets.entries()) {
    const header = index * MMSGHDR_BYTES;
    const name = to?.[index];
    vectors.writeBigUInt64LE(BigInt(koffi.address(packet)), index * IOVEC_BYTES);
    vectors.writeBigUInt64LE(BigInt(packet.length), index * IOVEC_BYTES + 8);
    if (name) headers.writeBigUInt64LE(BigInt(koffi.address(name)), header);
    if (name) headers.writeUInt32LE(name.length, header + 8);
    headers.writeBigUInt64LE(vectorsAt + BigInt(index * IOVEC_BYTES), header + 16);
    headers.writeBigUInt64LE(1n, header + 24);
  }
  let done = 0;
  let busy = 0;
  while (done < packets.length) {
    const sent = call.sendmmsg(fd, headers.subarray(done * MMSGHDR_BYTES), packets.length - done, 0);
    if (sent > 0) done += sent;
    else if (koffi.errno() === koffi.os.errno.EPERM) refused.push(done++);
    else if (!queueFull(koffi.errno()) || busy++ > SEND_QUEUE_FULL_LIMIT) check(sent, "sendmmsg");
  }
  return refused;
}
