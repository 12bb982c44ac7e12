import { isIP } from 'node:net';

/**
 * Whether a request's Host header may reach pages that show or change something. A web page of
 * anybody's can make the reader's browser ask for `evil.example:9753` after its name was pointed to
 * 127.0.0.1 (DNS rebinding): the browser then sends that name. An IP address, a loopback name and the
 * names that the configuration lists cannot be such a name.
 * @param header the Host header: `name`, `name:port`, `[::1]:port`
 * @param names in lower case, without a port
 */
export function isTrustedHost(header: string | undefined, names: ReadonlySet<string>): boolean {
  const name = hostName(header ?? '');
  if (name === undefined) return false;
  return isIP(name) > 0 || name === 'localhost' || name.endsWith('.localhost') || names.has(name);
}

/** Lower case, without port, brackets and the root's dot; undefined for what is no host. */
function hostName(header: string): string | undefined {
  const match = /^(?:\[([\da-f:.]+)\]|([^\s:[\]/@]+))(?::\d{1,5})?$/i.exec(header);
  return (match?.[1] ?? match?.[2])?.toLowerCase().replace(/\.$/, '');
}
