import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';

/** Longest name that DNS can hold, RFC 1035 section 2.3.4. */
const nameMax = 253;

/** Whether it can be the name of a host, in any script, or an IP address. */
export function isHostName(text: string): boolean {
  if (isIP(text) !== 0) return true;
  const name = asciiName(text);
  return name.length <= nameMax && /^[\w-]{1,63}(\.[\w-]{1,63})*\.?$/.test(name);
}

/** As name servers know it, RFC 5891; empty where it can be no name. */
export function asciiName(name: string): string {
  return /[^\0-\x7f]/.test(name) ? domainToASCII(name) : name;
}
