/**
 * Object paths of systemd units: every byte that is not [A-Za-z0-9], and a leading digit, is
 * written `_xx`. Source: bus_label_escape(), src/basic/bus-label.c.
 */
const pathPrefix = '/org/freedesktop/systemd1/unit/';

/** `foo@1.service` becomes `/org/freedesktop/systemd1/unit/foo_401_2eservice`. */
export function unitPath(name: string): string {
  return pathPrefix + unitLabel(name);
}

/** The last part of that path. */
export function unitLabel(name: string): string {
  const bytes = new TextEncoder().encode(name);
  let label = '';
  for (const [i, byte] of bytes.entries()) {
    const char = String.fromCharCode(byte);
    const plain = i === 0 ? /[A-Za-z]/.test(char) : /[A-Za-z0-9]/.test(char);
    label += plain ? char : `_${byte.toString(16).padStart(2, '0')}`;
  }
  return label === '' ? '_' : label;
}

/** The reverse; undefined for a path that is no unit's. */
export function unitNameOfPath(path: string): string | undefined {
  if (!path.startsWith(pathPrefix)) return undefined;
  const label = path.slice(pathPrefix.length);
  const bytes: number[] = [];
  for (let i = 0; i < label.length; i++) {
    const hex = label[i] === '_' ? label.slice(i + 1, i + 3) : '';
    if (/^[0-9a-f]{2}$/.test(hex)) {
      bytes.push(Number.parseInt(hex, 16));
      i += 2;
    } else {
      bytes.push(label.charCodeAt(i));
    }
  }
  return new TextDecoder().decode(new Uint8Array(bytes));
}

/** `service` of `foo@1.service`; empty where the name has no dot. */
export function unitType(name: string): string {
  const dot = name.lastIndexOf('.');
  return dot < 0 ? '' : name.slice(dot + 1);
}

/** A name without a known type is a service, as for systemctl. */
export function withType(name: string): string {
  return unitTypes.has(unitType(name)) ? name : `${name}.service`;
}

export const unitTypes: ReadonlySet<string> = new Set([
  'service',
  'socket',
  'target',
  'device',
  'mount',
  'automount',
  'swap',
  'timer',
  'path',
  'slice',
  'scope',
]);

/** Longest name, UNIT_NAME_MAX of src/basic/unit-name.h without its final NUL. */
const nameBytesMax = 255;

/**
 * A name that systemd takes for one unit: a type that it knows, its characters, no template. What is
 * none must never be sent to it. Source: unit_name_is_valid(), src/basic/unit-name.c.
 */
export function isUnitName(name: string): boolean {
  if (name.length > nameBytesMax || !unitTypes.has(unitType(name))) return false;
  return /^[A-Za-z0-9:_\\-][A-Za-z0-9:_.\\@-]*$/.test(name) && !/@\.[a-z]+$/.test(name);
}
