import { headerFault } from '../model/http-header.ts';
import { type ProbeResult, probeState } from '../model/probe.ts';
import { readStatusCodes, statusCodesWanted } from '../model/status-codes.ts';
import type { ProbeContext } from './endpoints-contract.ts';
import { type Endpoint, openProber } from './endpoints-kinds.ts';
import type { Kind } from './subscriptions/kinds.ts';
import type { Settings } from './subscriptions/settings.ts';
import { isHostName } from './tcp/host-name.ts';

/** The endpoint that the settings of a service describe, or one sentence on what is wrong with them. */
type Read = (name: string, settings: Settings) => Endpoint | string;

/** As those of the configuration file; a service has its interval from its subscribers. */
const defaults = { tcpTimeoutS: 5, httpTimeoutS: 15, timeoutMaxS: 300, redirectsMax: 20 } as const;
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'];
const sourceMax = 1_000;

const readers: Readonly<Record<'tcp' | 'http', Read>> = { tcp: readTcp, http: readHttp };

/** One sentence on what is wrong with the settings of a service of a kind; undefined where nothing is. */
export function faultOfService(kind: string, settings: Settings): string | undefined {
  const [, read] = Object.entries(readers).find(([name]) => name === kind) ?? [];
  if (!read) return `A service's kind is one of ${Object.keys(readers).join(', ')}.`;
  const endpoint = read('', settings);
  return typeof endpoint === 'string' ? endpoint : undefined;
}

/** Settings that are not shown. */
export const serviceSecrets: Readonly<Record<string, readonly string[]>> = { http: ['headers'] };

/**
 * TCP and HTTP services for a Monitor: each look is one probe.
 * @param onResult hears of every probe, and what was probed, without secrets
 */
export function monitorKinds(
  context: ProbeContext,
  onResult: (result: ProbeResult, target: string) => void,
): ReadonlyMap<string, Kind> {
  const kindOf = (kind: string, read: Read): Kind => ({
    ...(serviceSecrets[kind] && { secrets: serviceSecrets[kind] }),
    fault: (settings) => faultOfService(kind, settings),
    open: ({ name, settings }) => {
      const endpoint = read(name, settings);
      // What is in the file may have been written by a later version.
      if (typeof endpoint === 'string')
        return { look: async () => ({ state: 'unknown', reason: endpoint }) };
      const prober = openProber(endpoint, context);
      let isClosed = false;
      return {
        look: async () => {
          const result = await prober.probe();
          // It was cut off: what it found is nothing that the service did.
          if (isClosed) return { state: 'unknown' };
          onResult(result, prober.target);
          const state = probeState(result);
          const { reason } = result;
          return { state: state === 'up' || state === 'down' ? state : 'unknown', reason };
        },
        close: () => {
          isClosed = true;
          prober.close();
        },
      };
    },
  });
  return new Map(Object.entries(readers).map(([kind, read]) => [kind, kindOf(kind, read)]));
}

function readTcp(name: string, settings: Settings): Endpoint | string {
  const { host, port, timeout = defaults.tcpTimeoutS } = settings;
  const unknown = unknownSetting(settings, ['host', 'port', 'timeout']);
  if (unknown) return unknown;
  if (typeof host !== 'string' || !isHostName(host))
    return 'host must be a host name or an IP address.';
  if (!isWhole(port, 1, 65_535)) return 'port must be a number from 1 to 65535.';
  if (!isTimeout(timeout)) return timeoutSentence;
  return { name, kind: 'tcp', host, port, intervalMs: 0, timeoutMs: timeout * 1e3 };
}

const httpSettings = [
  ...['url', 'method', 'headers', 'body', 'expected_status', 'regex'],
  ...['follow_redirects', 'tls_verify', 'timeout'],
];

function readHttp(name: string, settings: Settings): Endpoint | string {
  const unknown = unknownSetting(settings, httpSettings);
  if (unknown) return unknown;
  const { url, method = 'GET', headers = {}, body, regex } = settings;
  const { expected_status: expected = '2xx', timeout = defaults.httpTimeoutS } = settings;
  const { follow_redirects: maxRedirects = 0, tls_verify: verifyTls = true } = settings;
  if (typeof url !== 'string' || !isUrl(url))
    return 'url must be an http or https URL without user and password, with a port from 1 to 65535.';
  if (typeof method !== 'string' || !methods.includes(method))
    return `method must be one of ${methods.join(', ')}.`;
  const secretHeaders = readHeaders(headers);
  if (typeof secretHeaders === 'string') return secretHeaders;
  if (body !== undefined && typeof body !== 'string') return 'body must be a text.';
  const expectedStatus = readStatusCodes(expected);
  if (!expectedStatus) return `expected_status ${statusCodesWanted}.`;
  if (regex !== undefined && (typeof regex !== 'string' || regex.length > sourceMax))
    return `regex must be a text of at most ${sourceMax} characters.`;
  if (!isWhole(maxRedirects, 0, defaults.redirectsMax))
    return `follow_redirects must be a number from 0 to ${defaults.redirectsMax}.`;
  if (typeof verifyTls !== 'boolean') return 'tls_verify must be true or false.';
  if (!isTimeout(timeout)) return timeoutSentence;
  return {
    ...{ name, kind: 'http', url, method, body, expectedStatus, regex, maxRedirects, verifyTls },
    headers: {},
    // Any of them may be a secret.
    secretHeaders,
    ...{ intervalMs: 0, timeoutMs: timeout * 1e3 },
  };
}

function unknownSetting(settings: Settings, known: readonly string[]): string | undefined {
  const unknown = Object.keys(settings).find((name) => !known.includes(name));
  if (unknown === undefined) return undefined;
  return `There is no setting ${JSON.stringify(unknown.slice(0, 80))}; there are ${known.join(', ')}.`;
}

function isWhole(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
}

const timeoutSentence = `timeout must be a number of seconds from 0.01 to ${defaults.timeoutMaxS}.`;

function isTimeout(value: unknown): value is number {
  return typeof value === 'number' && value >= 0.01 && value <= defaults.timeoutMaxS;
}

function isUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, port } = new URL(text);
  return /^https?:$/.test(protocol) && username === '' && password === '' && port !== '0';
}

/** Or one sentence on what is wrong with them. */
function readHeaders(value: unknown): Readonly<Record<string, string>> | string {
  const wanted = 'headers must be an object of header names and texts.';
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return wanted;
  const headers: Record<string, string> = {};
  for (const [name, text] of Object.entries(value)) {
    if (typeof text !== 'string') return wanted;
    const fault = headerFault(name, text);
    if (fault) return `The header ${JSON.stringify(name.slice(0, 80))} ${fault}.`;
    headers[name] = text;
  }
  return headers;
}
