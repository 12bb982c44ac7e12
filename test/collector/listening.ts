import {
  Decoder,
  type DecoderSink,
  type Followed,
  type Reply,
} from '../../src/collector/decode.ts';
import { copyState, type UnitFacts } from '../../src/collector/properties.ts';
import { newUnitState, type UnitState } from '../../src/model/unit.ts';

/** A followed unit whose state no one may write into: it is replaced. */
export interface Unit extends Followed {
  readonly label: string;
  state: Readonly<UnitState>;
}

/** One call of the sink, for comparing. */
export type Heard = readonly unknown[];

/** A decoder whose sink keeps what it was told, and a few units that it follows. */
export interface Listening {
  readonly decoder: Decoder<Unit>;
  readonly units: ReadonlyMap<string, Unit>;
  readonly heard: Heard[];
}

export function listening(owner: string | undefined, labels: readonly string[]): Listening {
  const units = new Map<string, Unit>(
    labels.map((label) => [label, { label, state: Object.freeze(newUnitState()) }]),
  );
  const heard: Heard[] = [];
  const sink: DecoderSink<Unit> = {
    find: (bytes, at, length) => units.get(bytes.toString('latin1', at, at + length)),
    changed: (unit, next) => {
      unit.state = Object.freeze({ ...next });
      heard.push(['changed', unit.label, unit.state]);
    },
    unitNew: (name) => heard.push(['unitNew', name]),
    unitRemoved: (name) => heard.push(['unitRemoved', name]),
    jobRemoved: (id, unit, result) => heard.push(['jobRemoved', id, unit, result]),
    reloading: (active) => heard.push(['reloading', active]),
    ownerChanged: (name) => heard.push(['ownerChanged', name]),
    reply: (serial, reply) => heard.push(['reply', serial, ...toldBy(reply)]),
  };
  const decoder = new Decoder<Unit>(sink);
  decoder.trust(owner);
  return { decoder, units, heard };
}

function toldBy(reply: Reply): Heard {
  switch (reply.kind) {
    case 'empty':
      return ['empty'];
    case 'text':
      return ['text', reply.text];
    case 'error':
      return ['error', reply.name, reply.text];
    case 'properties': {
      const state = newUnitState();
      const facts: UnitFacts = { loadState: '', cgroup: '', restartPolicy: '' };
      const before = newUnitState();
      copyState(state, before);
      return reply.readInto(state, facts) ? ['properties', state, facts] : ['properties', 'bad'];
    }
  }
}

/**
 * Feeds bytes in pieces through one buffer, the way the reader does: what is left over of one piece
 * stands before the next. Answers with how many bytes were left at the end; NaN where it ended.
 */
export function feed(decoder: Decoder<Unit>, pieces: Iterable<Buffer>): number {
  let rest: Buffer = Buffer.alloc(0);
  for (const piece of pieces) {
    const work = Buffer.concat([rest, piece]);
    const at = decoder.take(work, 0, work.length);
    if (Number.isNaN(at)) return at;
    rest = work.subarray(at);
  }
  return rest.length;
}
