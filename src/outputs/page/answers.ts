import type { ServerResponse } from 'node:http';
import type { ServiceDetail, StatusView } from '../../model/status.ts';
import type { Target } from '../http-routes.ts';
import { actionHandler, refreshHandler } from './actions.ts';
import type { PageContext } from './context.ts';
import { detailPage, unknownPage } from './detail.ts';
import { framed } from './frame.ts';
import { checkJson, detailJson, findingJson, serviceJson, statusJson } from './json.ts';
import { filterForm, filterOf, headline, overview } from './overview.ts';
import type { Answers } from './paths.ts';
import { SharedRun } from './refresh.ts';
import { Responder } from './respond.ts';
import { script } from './script.ts';
import { Streams } from './stream.ts';
import { icon, style } from './style.ts';

/** Many pages that hear of the same event ask within this time, and share what is told to them. */
const sharedUs = 200_000;

/** What each of the page's paths answers. */
export function createAnswers(context: PageContext): Answers {
  const responder = new Responder();
  const streams = new Streams(context);
  const refresh = new SharedRun(() => context.actions.refresh());
  const status = sharedStatus(context);
  const json =
    (make: (view: StatusView) => unknown) =>
    (_request: unknown, response: ServerResponse): void =>
      responder.json(response, make(status.view()));

  return {
    overview: (_request, response, target) =>
      responder.page(response, overviewPage(context, status.view(), target)),
    service: (_request, response, target) => {
      const { page, code } = servicePage(context, target, status.view());
      responder.page(response, page, code);
    },
    style: (_request, response) => responder.send(response, 'text/css', style),
    script: (_request, response) => responder.send(response, 'text/javascript', script),
    icon: (_request, response) => responder.send(response, 'image/svg+xml', icon),
    statusJson: json(statusJson),
    servicesJson: json(({ services }) => services.map(serviceJson)),
    serviceJson: (_request, response, { below }) => {
      const detail = detailOf(context, nameIn(below));
      if (detail) responder.json(response, detailJson(detail));
      else responder.json(response, { error: 'No unit and no component has this name.' }, 404);
    },
    checksJson: json(({ checks }) => checks.map(checkJson)),
    findingsJson: json(({ findings }) => findings.map(findingJson)),
    events: (request, response, { query }) => streams.open(request, response, query),
    refresh: refreshHandler(() => refresh.ask().finally(status.forget)),
    actions: actionHandler(context, status.forget),
  };
}

function sharedStatus({ status, clock }: PageContext) {
  let kept: { readonly view: StatusView; readonly madeUs: number } | undefined;
  return {
    view(): StatusView {
      const nowUs = clock.monotonicUs();
      if (kept === undefined || nowUs - kept.madeUs >= sharedUs) {
        kept = { view: status(), madeUs: nowUs };
      }
      return kept.view;
    },
    forget(): void {
      kept = undefined;
    },
  };
}

function overviewPage(context: PageContext, view: StatusView, { query, routes }: Target): string {
  const filter = filterOf(query);
  return framed({
    title: `${view.host} · unitwatch`,
    host: view.host,
    version: view.version,
    canAct: Boolean(context.token),
    routes,
    head: headline(view),
    live: overview(view, filter),
    controls: filterForm(filter),
  });
}

function servicePage(
  context: PageContext,
  { below, routes }: Target,
  { host, version }: StatusView,
): { readonly page: string; readonly code: number } {
  const name = nameIn(below);
  const detail = detailOf(context, name);
  const frame = {
    host,
    version,
    routes,
    back: { path: '/', title: 'All services' },
  };
  if (detail === undefined) {
    const live = unknownPage(name ?? below);
    return { code: 404, page: framed({ ...frame, title: 'Not known', canAct: false, live }) };
  }
  const title = `${detail.name} · ${host}`;
  const canAct = Boolean(context.token);
  return { code: 200, page: framed({ ...frame, title, canAct, live: detailPage(detail) }) };
}

function detailOf(context: PageContext, name: string | undefined): ServiceDetail | undefined {
  return name === undefined ? undefined : context.service(name);
}

/** Undefined where the percent signs do not stand for UTF-8. */
function nameIn(encoded: string): string | undefined {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}
