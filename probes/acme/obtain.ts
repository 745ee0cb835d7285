import {
  acmeIdentifier,
  challengeCertificate,
  newRsaKey,
  type RsaKey,
  signingRequest,
} from "./certificate.ts";
import type { AcmeClient, Authorization, Challenge, Created, Order } from "./client.ts";
import type { Responder } from "./responder.ts";

/** An order for one name and its challenge, not answered yet. */
export interface Pending {
  readonly name: string;
  readonly order: Created<Order>;
  readonly authorization: Authorization & { readonly url: string };
  readonly challenge: Challenge;
}

export interface Obtained extends Pending {
  /** The order after its finalization, with the certificate's URL. */
  readonly final: Order;
  /** PEM, leaf first. */
  readonly chain: readonly string[];
  readonly key: RsaKey;
}

/** Orders one name; its tls-alpn-01 challenge awaits an answer. @throws AcmeRefusal */
export async function ordered(
  client: AcmeClient,
  name: string,
  more: { readonly notAfter?: string } = {},
): Promise<Pending> {
  const order = await client.order([name], more);
  const authorization = await client.authorization(order.object);
  const challenge = authorization.challenges?.find(({ type }) => type === "tls-alpn-01");
  if (!challenge) throw new Error(`no tls-alpn-01 among the challenges of ${name}`);
  return { name, order, authorization, challenge };
}

/** Shows the right response for a challenge, RFC 8737 section 3. */
export function respondTo(
  { name, challenge }: Pending,
  client: AcmeClient,
  responder: Responder,
  key: RsaKey,
): void {
  const extensions = [acmeIdentifier(challenge.token, client.key)];
  const cert = challengeCertificate(key, { altNames: [{ type: 2, value: name }], extensions });
  responder.respond(name, { cert, key: key.pem });
}

/**
 * A certificate from scratch: order, challenge, finalization, chain; the response is withdrawn once it has been looked at.
 * @throws AcmeRefusal where the server refuses a step; Error where the challenge does not become valid
 */
export async function obtain(client: AcmeClient, responder: Responder, name: string): Promise<Obtained> {
  const [pending, shown, key] = await Promise.all([ordered(client, name), newRsaKey(), newRsaKey()]);
  respondTo(pending, client, responder, shown);
  const { status, error } = await client.respond(pending.challenge);
  responder.forget(name);
  if (status !== "valid")
    throw new Error(`the challenge of ${name} is ${status}: ${error?.detail ?? error?.type ?? "no reason"}`);
  const final = await client.finalize(pending.order.object, signingRequest(key, "", [name]));
  return { ...pending, final, chain: await client.certificate(final), key };
}
