/** One line of a bench's table. */
export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What it was compared with, or how it was taken. */
  readonly note?: string;
}
