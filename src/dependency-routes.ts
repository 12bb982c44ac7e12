import { answerGraph, answerImpact } from './deps/answers.ts';
import type { DependencyGraph } from './deps/graph.ts';
import { answeringRoute } from './outputs/answering-route.ts';
import type { Routes } from './outputs/http-routes.ts';

/** What `unitwatch impact` and `unitwatch graph` ask. @param graph undefined: not read yet, or not kept */
export function dependencyRoutes(graph: () => DependencyGraph | undefined): Routes {
  return new Map([
    [
      '/api/impact',
      answeringRoute('What follows when a unit goes down, as JSON', (asked) =>
        answerImpact(graph(), asked),
      ),
    ],
    [
      '/api/graph',
      answeringRoute('Which units depend on which', (asked) => answerGraph(graph(), asked)),
    ],
  ]);
}
