import { isIP } from 'node:net';

/** One request of a probe; a redirect makes another of it. */
export interface HttpRequest {
  readonly url: URL;
  readonly method: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** These tell who is asking. */
const credentials: ReadonlySet<string> = new Set([
  'authorization',
  'cookie',
  'proxy-authorization',
]);
/** These describe a body, Fetch Standard, request-body-header name. */
const aboutBody: ReadonlySet<string> = new Set([
  'content-encoding',
  'content-language',
  'content-location',
  'content-type',
  'content-length',
]);
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export function isRedirect(status: number): boolean {
  return redirects.has(status);
}

/**
 * The request that a redirect leads to, as the Fetch Standard has it (HTTP-redirect fetch): another
 * method where it must be, and to another origin nothing that is secret.
 *
 * @param secrets names of headers that are secret, in lower case
 * @returns in words, why it cannot be followed
 */
export function redirected(
  request: HttpRequest,
  status: number,
  location: string | undefined,
  secrets: ReadonlySet<string>,
): HttpRequest | string {
  if (location === undefined) return 'redirect without a location';
  if (!URL.canParse(location, request.url.href)) return 'redirect to something that is no URL';
  const url = new URL(location, request.url.href);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    return `redirect to ${url.protocol.slice(0, 20)}`;
  }
  url.username = '';
  url.password = '';
  const { method } = request;
  const isPost = method === 'POST' && (status === 301 || status === 302);
  const toGet = isPost || (status === 303 && method !== 'GET' && method !== 'HEAD');
  const isElsewhere = url.origin !== request.url.origin;
  const headers = Object.entries(request.headers).filter(([name]) => {
    if (toGet && aboutBody.has(name)) return false;
    return !isElsewhere || !(name === 'host' || credentials.has(name) || secrets.has(name));
  });
  return {
    url,
    method: toGet ? 'GET' : method,
    headers: Object.fromEntries(headers),
    body: toGet ? undefined : request.body,
  };
}

/** The name that the certificate must be for: a Host header says which site of a server is meant. */
export function serverName({ url, headers }: HttpRequest): string {
  const asked = headers['host']?.replace(/:\d+$/, '');
  return asked ?? hostOf(url);
}

/** Without the brackets of an IPv6 address. */
export function hostOf({ hostname }: URL): string {
  const bare = hostname.replace(/^\[|\]$/g, '');
  return isIP(bare) === 6 ? bare : hostname;
}

export function portOf({ protocol, port }: URL): number {
  if (port !== '') return Number(port);
  return protocol === 'https:' ? 443 : 80;
}

/** For events and pages: user, password, query and fragment may be secret. */
export function shownUrl({ origin, pathname }: URL): string {
  return `${origin}${pathname}`;
}
