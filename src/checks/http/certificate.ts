import type { PeerCertificate, TLSSocket } from 'node:tls';
import type { RealtimeUs } from '../../model/time.ts';

/** What the other side showed of itself. */
export interface Certificate {
  /** When the first of the chain ends; undefined where it showed none. */
  readonly endUs: RealtimeUs | undefined;
  /** Why it is not valid, in words; empty where it is. */
  readonly fault: string;
}

/** Longer chains are nobody's; the issuer of a root is itself. */
const chainMax = 16;

/** By the codes of OpenSSL's X509_verify_cert_error_string(3) and Node's own. */
const words: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'the certificate has expired',
  CERT_NOT_YET_VALID: 'the certificate is not valid yet',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: "the certificate's issuer is not trusted",
  UNABLE_TO_GET_ISSUER_CERT: "the certificate's issuer is not known",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the certificate's issuer is not known",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the certificate's issuer is not known",
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate is for another name',
};

/** Right after the handshake, which must not have refused it. */
export function certificateOf(socket: TLSSocket): Certificate {
  const { authorized, authorizationError } = socket;
  const code = authorized ? '' : codeOf(authorizationError);
  return {
    endUs: earliestEnd(socket.getPeerCertificate(true)),
    fault: code === '' ? '' : (words[code] ?? `the certificate is not valid (${code})`),
  };
}

/** The types say an Error; Node gives its code. */
function codeOf(error: unknown): string {
  return typeof error === 'string' ? error.slice(0, 100) : 'no certificate';
}

function earliestEnd(
  leaf: PeerCertificate & { issuerCertificate?: PeerCertificate },
): number | undefined {
  let earliest: number | undefined;
  let certificate: typeof leaf | undefined = leaf;
  for (let depth = 0; depth < chainMax && certificate?.valid_to !== undefined; depth++) {
    const endUs = Date.parse(certificate.valid_to) * 1e3;
    if (!Number.isNaN(endUs)) earliest = Math.min(earliest ?? endUs, endUs);
    const issuer: typeof leaf | undefined = certificate.issuerCertificate;
    certificate = issuer === certificate ? undefined : issuer;
  }
  return earliest;
}
