import { AcmeClient, type AcmeServer } from "./client.ts";
import { newRsaKey, type RsaKey } from "./certificate.ts";
import { type Obtained, obtain } from "./obtain.ts";
import { type Manners, openResponder, type Responder } from "./responder.ts";

/** A lab for the component lists: the server, what the name server says, and addresses of the client for responders. */
export interface Lists {
  readonly server: AcmeServer;
  /** Names of the zone, to addresses or another name. */
  readonly names: Map<string, readonly string[]>;
  readonly zone: string;
  /** Of the client; on the first listens the responder that most rows share, on the second nobody ever. */
  readonly addresses: readonly string[];
  /** Where nobody listens either. */
  readonly address6: string;
  readonly mesh: Mesh;
  /** Nginx, and a name that it has a certificate for. */
  readonly edge: { readonly address: string; readonly name: string };
}

/** Traefik beside the server: its address, the folder of its dynamic files, its certificate resolver. */
interface Mesh {
  readonly address: string;
  /** A path of the lab. */
  readonly folder: string;
  readonly resolver: string;
}

/** What the rows of a list share; it ends with them. */
export interface Bench extends AsyncDisposable {
  readonly server: AcmeServer;
  readonly names: Map<string, readonly string[]>;
  readonly zone: string;
  /** An RSA key for what only has to be signed. */
  readonly key: RsaKey;
  /** A client with an account of its own. */
  client(): Promise<AcmeClient>;
  /** Where the shared responder listens. */
  readonly address: string;
  /** Addresses of the client where nobody listens, of either family. */
  readonly deaf: string;
  readonly deaf6: string;
  /** A name of its own that resolves to the shared responder. */
  name(): string;
  readonly responder: Responder;
  readonly mesh: Mesh;
  readonly edge: Lists["edge"];
  /** A name of its own that resolves to an address of its own, where nobody listens. */
  readonly free: () => { name: string; address: string };
  /** A certificate of a name of its own, over TLS-ALPN-01. */
  obtained(client: AcmeClient): Promise<Obtained>;
  /** A name of its own and a responder at its own address. */
  target(manners?: Manners): Promise<{ name: string; address: string; responder: Responder }>;
}

export async function openBench({
  server,
  names,
  zone,
  addresses,
  address6,
  mesh,
  edge,
}: Lists): Promise<Bench> {
  const [shared = "", deaf = "", ...left] = addresses;
  const { lab, from } = server;
  const responder = await openResponder(lab, from, shared);
  const opened = [responder];
  let count = 0;
  const named = (address: string) => {
    const name = `n${++count}.${zone}`;
    names.set(name, [address]);
    return name;
  };
  const free = () => {
    const address = left.pop();
    if (address === undefined) throw new TypeError("no address of the client is left");
    return { name: named(address), address };
  };
  return {
    server,
    mesh,
    edge,
    free,
    names,
    zone,
    key: await newRsaKey(),
    responder,
    address: shared,
    deaf,
    deaf6: address6,
    client: async () => {
      const client = new AcmeClient(server);
      await client.register();
      return client;
    },
    name: () => named(shared),
    obtained: (client) => obtain(client, responder, named(shared)),
    target: async (manners) => {
      const { name, address } = free();
      const own = await openResponder(lab, from, address, manners);
      opened.push(own);
      return { name, address, responder: own };
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(opened.map((each) => each[Symbol.asyncDispose]()));
    },
  };
}
