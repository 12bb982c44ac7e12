import type { Route, Routes } from '../http-routes.ts';
import type { PageContext } from './context.ts';
import { type Answers, rows } from './paths.ts';

/**
 * The rows of the status page and of its API, for `startHttp`. What they need is loaded with the
 * first request for one of them: an agent whose page nobody reads does not carry it.
 */
export function pageRoutes(context: PageContext): Routes {
  let loading: Promise<Answers> | undefined;
  const answers = (): Promise<Answers> => {
    loading ??= import('./answers.ts').then(({ createAnswers }) => createAnswers(context));
    return loading;
  };
  const routes = new Map<string, Route>();
  for (const [path, title, name, more] of rows) {
    routes.set(path, {
      title,
      hosts: 'trusted',
      ...more,
      handle: async (request, response, target) =>
        (await answers())[name](request, response, target),
    });
  }
  return routes;
}
