import { X509Certificate } from "node:crypto";
import { connect, type ConnectionOptions } from "node:tls";
import type { Lab } from "../../lab/lab.ts";
import { connectTcp } from "../../lab/socket.ts";
import { BOUND } from "../../lab/waits.ts";

/** How a validator of ours shakes hands. */
export interface Hello extends Pick<ConnectionOptions, "minVersion" | "maxVersion" | "ciphers"> {
  readonly address: string;
  /** Left out: a ClientHello without server_name. */
  readonly servername?: string;
  /** Left out: one without ALPN. */
  readonly alpn?: readonly string[];
  /** Sent once the handshake is done; whatever comes back is counted. */
  readonly data?: string;
}

/** What a responder did: a handshake with its certificate, or the alert or error that ended it. */
export interface Shaken {
  readonly alpn: string;
  readonly certificate?: X509Certificate;
  /** Bytes that came back for `data` until the other end closed, or the bound. */
  readonly bytes: number;
  readonly error?: string;
}

/** One handshake on port 443 from a namespace of the lab, as a validator of RFC 8737 section 3 would have it. */
export function shakeHands(lab: Lab, from: string, hello: Hello): Promise<Shaken> {
  const { address, servername, alpn, data, ...versions } = hello;
  return new Promise((resolve) => {
    const tcp = connectTcp(lab, from, address, 443);
    const tls = connect({
      socket: tcp,
      rejectUnauthorized: false,
      ...(servername === undefined ? {} : { servername }),
      ...(alpn === undefined ? {} : { ALPNProtocols: [...alpn] }),
      ...versions,
    });
    let bytes = 0;
    let certificate: X509Certificate | undefined;
    const end = (error?: string) => {
      clearTimeout(timer);
      tls.destroy();
      tcp.destroy();
      const shown = certificate ? { certificate } : {};
      resolve({ alpn: tls.alpnProtocol || "", bytes, ...shown, ...(error === undefined ? {} : { error }) });
    };
    const timer = setTimeout(() => end("silence"), BOUND.responderSilenceMs);
    const failed = (error: NodeJS.ErrnoException) => end(error.code ?? error.message);
    tcp.on("error", failed);
    tls.on("error", failed);
    tls.on("data", (chunk: Buffer) => (bytes += chunk.length));
    tls.on("close", () => end(certificate ? undefined : "closed"));
    tls.on("secureConnect", () => {
      certificate = new X509Certificate(tls.getPeerCertificate().raw);
      if (data === undefined) end();
      else tls.write(data);
    });
  });
}
