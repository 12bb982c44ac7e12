import type { RealtimeUs } from '../../model/time.ts';
import type {
  Batch,
  LocalFigures,
  LocalSettings,
  Rejected,
  Row,
  Settled,
  Trouble,
} from './contract.ts';

/** What the thread of the local database is given when it starts. */
export interface LocalStart {
  readonly settings: LocalSettings;
  readonly nowUs: RealtimeUs;
}

/** One thing that it is asked to do; one at a time, answered in order. */
export type Request =
  | { readonly op: 'append'; readonly rows: readonly Row[]; readonly nowUs: RealtimeUs }
  | { readonly op: 'next'; readonly rows: number; readonly bytes: number }
  | {
      readonly op: 'settle';
      readonly seq: number;
      readonly rejected: readonly Rejected[];
      readonly nowUs: RealtimeUs;
    }
  | { readonly op: 'collect'; readonly nowUs: RealtimeUs }
  | { readonly op: 'figures' }
  | { readonly op: 'close' };

export type Answer =
  | { readonly op: 'append' | 'figures'; readonly figures: LocalFigures }
  | { readonly op: 'next'; readonly batch: Batch }
  | { readonly op: 'settle'; readonly settled: Settled }
  | { readonly op: 'collect'; readonly more: boolean; readonly figures: LocalFigures }
  /** The real path of the file; undefined where it could not be reached. */
  | { readonly op: 'close'; readonly path: string | undefined }
  | { readonly op: 'failed'; readonly kind: Trouble; readonly message: string };
