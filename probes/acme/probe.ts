/** Where a probe speaks ACME: to this server, from the guest of a declared client. */
interface Asking {
  readonly id: string;
  readonly from: string;
  readonly address: string;
  readonly port: number;
  /** Name that the server's certificate is verified against. */
  readonly servername: string;
  readonly provisioner: string;
}

/** A certificate from scratch over TLS-ALPN-01, in an account of its own; the responder listens at `responder`. */
export interface AcmeProbe extends Asking {
  readonly kind: "acme";
  readonly name: string;
  readonly responder: string;
  /** Asks for a certificate that lasts so long; left out: the server's own choice. */
  readonly lifetimeDays?: number;
}

export interface Identifier {
  readonly type: "dns" | "ip";
  readonly value: string;
}

/** Orders that are placed and not gone on with, each answered for itself. */
export interface OrdersProbe extends Asking {
  readonly kind: "orders";
  readonly identifiers: readonly Identifier[];
  /** An order of this name is looked at: which challenges it has, and whether another can be answered. */
  readonly declared: string;
  /** A provisioner that nobody declared is asked for that name too. */
  readonly otherProvisioner: string;
}
