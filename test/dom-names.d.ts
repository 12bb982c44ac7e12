/**
 * playwright-core's types name these types of a browser's page. The tests reach pages by text, never
 * through them, and the whole of TypeScript's library for browsers would put its globals (`name`,
 * `event`, `status`) into every file of the program.
 */
interface Node {
  readonly nodeType: number;
}
interface HTMLElement extends Node {
  readonly tagName: string;
}
interface SVGElement extends Node {
  readonly tagName: string;
}
interface HTMLElementTagNameMap {
  readonly [name: string]: HTMLElement;
}
