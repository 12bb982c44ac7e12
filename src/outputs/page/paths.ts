import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Route, Target } from '../http-routes.ts';

/** An action and a name: unit names have 255 bytes, IDs of findings a few more. */
export const actionBytes = 4_096;
/** The form of the Refresh button is sent with an empty body; some browsers add a line end. */
const refreshBytes = 64;

/** Every path of the page: its title in the list of paths, and which answer it gives. */
export const rows = [
  ['/', 'Status page', 'overview', {}],
  ['/service/', '', 'service', {}],
  ['/page.css', '', 'style', {}],
  ['/page.js', '', 'script', {}],
  ['/icon.svg', '', 'icon', {}],
  ['/api/status', 'Everything as JSON', 'statusJson', {}],
  ['/api/services', 'Units as JSON', 'servicesJson', {}],
  ['/api/services/', '', 'serviceJson', {}],
  ['/api/checks', 'Checks as JSON', 'checksJson', {}],
  ['/api/findings', 'Open findings as JSON', 'findingsJson', {}],
  ['/api/events', 'Live events (server-sent events, NDJSON)', 'events', {}],
  ['/refresh', '', 'refresh', { methods: ['POST'], bodyBytes: refreshBytes }],
  ['/api/actions', '', 'actions', { methods: ['POST'], bodyBytes: actionBytes }],
] as const satisfies readonly (readonly [
  path: string,
  title: string,
  answer: string,
  more: Pick<Route, 'methods' | 'bodyBytes'>,
])[];

/** What each row is answered with. */
export type Answers = Readonly<
  Record<
    (typeof rows)[number][2],
    (request: IncomingMessage, response: ServerResponse, target: Target) => void | Promise<void>
  >
>;
