/**
 * The page's style. Colours have a contrast of at least 4.5 to what they stand on, in both schemes;
 * one set of names, given once for light and once for dark.
 */
export const style = `:root {
  color-scheme: light dark;
  --ground: #f6f7f9; --paper: #ffffff; --line: #dfe3e9; --ink: #1b222c; --soft: #566171;
  --link: #1b5aa8; --good: #17703f; --bad: #b3261e; --warn: #8a5200; --calm: #566171;
  --good-ground: #e5f4eb; --bad-ground: #fcebe9; --warn-ground: #fdf1dd; --calm-ground: #eef0f4;
  --bar-good: #2f9e62; --bar-bad: #cf4037; --bar-warn: #dd9321; --bar-calm: #a8b1be;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #12161c; --paper: #1a2029; --line: #303946; --ink: #e6eaf0; --soft: #a3aebd;
    --link: #8bbcff; --good: #74d39c; --bad: #ff9d94; --warn: #f2bf6b; --calm: #a3aebd;
    --good-ground: #17301f; --bad-ground: #3a1d1b; --warn-ground: #35280f; --calm-ground: #252d38;
    --bar-good: #46b277; --bar-bad: #e4645a; --bar-warn: #d99a3a; --bar-calm: #5d6878;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; overflow-wrap: anywhere; }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 4px; }
main:focus-visible { outline: none; }
.skip { position: absolute; left: 1rem; top: -4rem; background: var(--paper); padding: .5rem 1rem; z-index: 2; }
.skip:focus { top: .5rem; }
.bar, main, footer, .news { max-width: 68rem; margin: 0 auto; padding: 0 1rem; }
.bar { display: flex; gap: .5rem 1rem; align-items: center; justify-content: space-between; padding-top: 1rem; }
.brand { margin: 0; }
.brand a { font-weight: 700; color: inherit; text-decoration: none; }
.host, .quiet, .counts, .checked, figcaption, footer, caption { color: var(--soft); }
.host { margin-left: .35rem; }
h1 { font-size: 1.45rem; line-height: 1.3; margin: 0 0 .25rem; }
h2 { font-size: 1.1rem; margin: 2rem 0 .6rem; }
p { margin: 0 0 .25rem; }
button, input { font: inherit; color: inherit; }
button { border: 1px solid var(--line); background: var(--paper); border-radius: 8px; padding: .4rem .9rem; min-height: 2.5rem; cursor: pointer; white-space: nowrap; }
.bar form { flex: none; }
button:hover { border-color: var(--soft); }
input[type=search], input[type=password] { border: 1px solid var(--soft); background: var(--paper); border-radius: 8px; padding: .4rem .6rem; min-height: 2.5rem; min-width: 0; flex: 1 1 10rem; }
input[type=checkbox] { width: 1.1rem; height: 1.1rem; vertical-align: -.15rem; }
nav { margin: 1rem 0 0; }
.overall { margin: 1rem 0 0; padding: 1rem 1.2rem; border-radius: 12px; border-left: 6px solid; }
.overall p { margin: 0; }
.overall .checked, .overall .counts { color: inherit; opacity: 1; font-size: .95rem; }
.overall h1 { margin: 0 0 .2rem; }
.good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); } .calm { color: var(--calm); }
.overall.good, .state.good { background: var(--good-ground); } .overall.bad, .state.bad { background: var(--bad-ground); }
.overall.warn, .state.warn { background: var(--warn-ground); } .overall.calm, .state.calm { background: var(--calm-ground); }
.state { display: inline-block; border-radius: 99px; padding: .05rem .65rem; font-size: .9rem; font-weight: 600; }
.filter, .unlock { display: flex; flex-wrap: wrap; gap: .6rem; align-items: center; margin: 1rem 0 0; }
.unlock { margin-top: 2.5rem; }
.filter .check { white-space: nowrap; }
[hidden] { display: none; }
table { width: 100%; border-collapse: collapse; background: var(--paper); border: 1px solid var(--line); font-size: .95rem; }
caption { text-align: left; font-size: .9rem; padding: .3rem 0; }
.rows caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
th, td { text-align: left; vertical-align: top; padding: .5rem .75rem; border-top: 1px solid var(--line); font-weight: 400; }
thead th { color: var(--soft); font-size: .85rem; border-top: 0; white-space: nowrap; }
tbody th { font-weight: 600; }
.rows { table-layout: fixed; }
.rows thead th:nth-child(1) { width: 12.5rem; } .rows thead th:nth-child(3) { width: 6.5rem; }
.rows thead th:nth-child(4) { width: 8.5rem; } .rows thead th:nth-child(5) { width: 9rem; } .rows thead th:nth-child(6) { width: 30%; }
td p { margin: 0; }
details { margin: .6rem 0; }
summary { cursor: pointer; padding: .4rem 0; font-weight: 600; }
.group { border-bottom: 1px solid var(--line); margin: 0; }
.group[open] { padding-bottom: .8rem; }
.findings { list-style: none; margin: 0; padding: 0; display: grid; gap: .6rem; }
.finding { background: var(--paper); border: 1px solid var(--line); border-left: 5px solid var(--bar-warn); border-radius: 10px; padding: .7rem 1rem; }
.finding.error, .finding.critical { border-left-color: var(--bar-bad); }
.finding.info, .finding.debug { border-left-color: var(--bar-calm); }
.severity { color: var(--soft); font-size: .85rem; border: 1px solid var(--line); border-radius: 99px; padding: 0 .5rem; }
.actions { margin: .6rem 0 0; }
body:not(.unlocked) .actions { display: none; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: 1rem; margin: 1rem 0; padding: 1rem 1.2rem; background: var(--paper); border: 1px solid var(--line); border-radius: 12px; }
dt { color: var(--soft); font-size: .85rem; } dd { margin: 0; }
figure { margin: 0; padding: 1rem; background: var(--paper); border: 1px solid var(--line); border-radius: 12px; }
figure svg { display: block; width: 100%; height: auto; }
figcaption { font-size: .9rem; margin-top: .6rem; display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; }
figcaption svg { display: inline-block; width: auto; vertical-align: -.1rem; }
.wide { overflow-x: auto; }
svg.graph { margin: 0 auto; }
svg.columns-1 { max-width: 13rem; } svg.columns-2 { min-width: 19rem; max-width: 26rem; } svg.columns-3 { min-width: 30rem; max-width: 39rem; } svg.columns-4 { min-width: 40rem; max-width: 52rem; }
svg text { fill: var(--ink); font-size: 13px; }
figure .timeline { height: 60px; border-bottom: 1px solid var(--line); } figure .chart { height: 180px; }
.scaled { display: flex; gap: .6rem; } .scaled svg { flex: 1 1 0; min-width: 0; }
.scale { display: flex; flex-direction: column; justify-content: space-between; text-align: right; margin: -.5rem 0; white-space: nowrap; }
.ends { display: flex; justify-content: space-between; gap: 1rem; margin: .4rem 0 0; }
.ends, .scale { color: var(--soft); font-size: .85rem; }
.grid { stroke: var(--line); }
.grid, .curve, .slope, .limit, .mark { vector-effect: non-scaling-stroke; }
.bar-up, .bar-running { fill: var(--bar-good); } .bar-degraded, .bar-too_many, .bar-waiting, .bar-starting, .bar-stopping { fill: var(--bar-warn); }
.bar-failed, .bar-missing, .bar-unreachable { fill: var(--bar-bad); } .bar-down { fill: var(--bar-calm); }
.mark { stroke: var(--ink); stroke-width: 2; }
.curve { fill: none; stroke: var(--link); stroke-width: 2; stroke-linejoin: round; } .area { fill: var(--link); opacity: .1; }
.slope { stroke: var(--bar-bad); stroke-width: 2; stroke-dasharray: 6 5; } .limit { stroke: var(--bar-warn); stroke-width: 2; }
.tie { fill: none; stroke: var(--soft); stroke-dasharray: 4 4; stroke-width: 1.3; } .tie.hard { stroke-dasharray: none; stroke-width: 1.7; }
.node rect { fill: var(--paper); stroke: var(--bar-calm); stroke-width: 1.5; }
.node.good rect { stroke: var(--bar-good); } .node.bad rect { stroke: var(--bar-bad); fill: var(--bad-ground); } .node.warn rect { stroke: var(--bar-warn); }
.node.root rect { stroke-width: 3; } .node.root text { font-weight: 700; }
.node.good .sign { fill: var(--good); } .node.bad .sign { fill: var(--bad); } .node.warn .sign { fill: var(--warn); } .node.calm .sign { fill: var(--calm); }
.graph a:hover text:last-child { text-decoration: underline; }
.news { position: sticky; bottom: 0; }
.news:not(:empty) { background: var(--ink); color: var(--ground); padding: .6rem 1rem; border-radius: 10px 10px 0 0; margin-top: 1.5rem; }
footer { margin-top: 2.5rem; padding-bottom: 2rem; font-size: .9rem; }
footer > p { border-top: 1px solid var(--line); padding-top: 1rem; }
.paths { margin: 0; padding-left: 1.2rem; }
@media (max-width: 46rem) {
  .rows, .rows tbody, .rows th, .rows td { display: block; }
  .rows thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .rows tr { display: flex; flex-wrap: wrap; align-items: baseline; gap: .1rem .9rem; border-top: 1px solid var(--line); padding: .65rem .9rem; }
  .rows tr:first-child { border-top: 0; }
  .rows th, .rows td { border: 0; padding: 0; }
  .rows th { flex: 1 1 8rem; }
  .rows .is { order: 1; }
  .rows td[data-label] { order: 2; font-size: .9rem; }
  .rows th { order: 0; }
  .rows td[data-label]::before { content: attr(data-label) " "; color: var(--soft); }
  .rows td[data-label=Note] { flex: 1 1 100%; }
  .rows td[data-label=Note]::before { content: none; }
  .rows td:has(> span.quiet:only-child), .rows td:empty { display: none; }
  .plain, .plain tbody { display: block; }
  .plain caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .plain thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .plain tr { display: flex; flex-wrap: wrap; align-items: baseline; gap: .1rem .9rem; border-top: 1px solid var(--line); padding: .5rem .9rem; }
  .plain td { border: 0; padding: 0; }
  figure { padding: .7rem; }
}
@media (prefers-reduced-motion: no-preference) {
  .skip { transition: top .15s; }
  .fresh { animation: fresh 1.6s ease-out; }
  @keyframes fresh { from { background: var(--warn-ground); } }
}
@media print { .bar form, .filter, .unlock, .news, .skip { display: none; } }
`;

/** A dot in a ring, readable at 16 pixels on light and dark tabs. */
export const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="6.5" fill="none" stroke="#5b8dc9" stroke-width="2"/><circle cx="8" cy="8" r="3" fill="#2f9e62"/></svg>
`;
