import type { DurationUs } from '../../model/time.ts';
import { compileRegex, fillIn, quote, type TextTest, variablesOf } from '../regex.ts';
import type { ArgumentList } from './arguments.ts';

/** Time that one regex may take in one check; what it has not seen by then is not known. */
const budgetUs: DurationUs = 200_000;

/** What a component looks for. */
export interface Sought {
  readonly name: string;
  readonly criteria: readonly { readonly index: number | 'any'; readonly regex: string }[];
}

/** One criterion; components that have the same share it, and it is asked once a process. */
interface Question {
  readonly index: number | 'any';
  readonly regex: string;
  /** One of them has to be found. */
  readonly tests: readonly TextTest[];
  spentUs: DurationUs;
}

/** Numbers of the questions that must all be answered with yes; why they cannot be, if so. */
type Compiled = { readonly questions: readonly number[] } | { readonly fault: string };

const yes = 1;
const no = 2;

/** Finds which components a process is one of. */
export class Matcher {
  readonly #components: readonly Compiled[];
  readonly #questions: readonly Question[];
  /** Answers about the process at hand; 0 for not asked yet. */
  readonly #answers: Uint8Array;
  readonly #nowUs: () => DurationUs;

  /** Use `matcherOf`. */
  constructor(
    components: readonly Compiled[],
    questions: readonly Question[],
    nowUs: () => DurationUs,
  ) {
    this.#components = components;
    this.#questions = questions;
    this.#answers = new Uint8Array(questions.length);
    this.#nowUs = nowUs;
  }

  /** A new check: every regex has its time anew. */
  begin(): void {
    for (const question of this.#questions) question.spentUs = 0;
  }

  /** Places of the components whose criteria all match; a process can be several. */
  match(list: ArgumentList): number[] {
    this.#answers.fill(0);
    const found: number[] = [];
    this.#components.forEach((compiled, place) => {
      if ('fault' in compiled || compiled.questions.length === 0) return;
      if (compiled.questions.every((question) => this.#answer(question, list))) found.push(place);
    });
    return found;
  }

  /** Why the check cannot say how many processes that component has; empty where it can. */
  fault(place: number): string {
    const compiled = this.#components[place];
    if (compiled === undefined) return '';
    if ('fault' in compiled) return compiled.fault;
    const slow = compiled.questions
      .map((question) => this.#questions[question])
      .find((question) => question !== undefined && question.spentUs > budgetUs);
    return slow ? `the regex ${quote(slow.regex)} takes too long and was cut off` : '';
  }

  #answer(number: number, list: ArgumentList): boolean {
    const known = this.#answers[number];
    if (known !== 0) return known === yes;
    const question = this.#questions[number];
    const isFound = question !== undefined && this.#ask(question, list);
    this.#answers[number] = isFound ? yes : no;
    return isFound;
  }

  #ask(question: Question, { texts, cut }: ArgumentList): boolean {
    const { index } = question;
    if (index === 'any') return texts.some((text) => this.#find(question, text));
    // Nobody knows what is last in a list that was cut.
    if (index < 0 && cut) return false;
    const text = texts.at(index);
    return text !== undefined && this.#find(question, text);
  }

  #find(question: Question, text: string): boolean {
    return question.tests.some((test) => {
      if (!test.measured) return test.test(text);
      if (question.spentUs > budgetUs) return false;
      const fromUs = this.#nowUs();
      const isFound = test.test(text);
      question.spentUs += this.#nowUs() - fromUs;
      return isFound;
    });
  }
}

/**
 * Compiles the criteria of components. A component with a regex that cannot be used has a fault;
 * the others are looked for all the same.
 */
export async function matcherOf(
  components: readonly Sought[],
  variables: ReadonlyMap<string, readonly string[]>,
  nowUs: () => DurationUs,
): Promise<Matcher> {
  const questions: Question[] = [];
  const numbers = new Map<string, number>();
  const compiled: Compiled[] = [];
  for (const { criteria } of components) {
    const asked: number[] = [];
    let fault = '';
    for (const { index, regex } of criteria) {
      const key = `${index} ${regex}`;
      const known = numbers.get(key);
      const tests = known === undefined ? await testsOf(regex, variables) : undefined;
      if (typeof tests === 'string') fault ||= tests;
      else if (tests) numbers.set(key, questions.push({ index, regex, tests, spentUs: 0 }) - 1);
      asked.push(numbers.get(key) ?? 0);
    }
    compiled.push(fault === '' ? { questions: asked } : { fault });
  }
  return new Matcher(compiled, questions, nowUs);
}

/** The searches of one regex, or why there are none. */
async function testsOf(
  regex: string,
  variables: ReadonlyMap<string, readonly string[]>,
): Promise<readonly TextTest[] | string> {
  const unknown = variablesOf(regex).find((name) => (variables.get(name) ?? []).length === 0);
  if (unknown !== undefined)
    return `the regex ${quote(regex)} needs ${unknown}, which this host does not have`;
  const tests: TextTest[] = [];
  for (const source of fillIn(regex, variables)) {
    const compiled = await compileRegex(source);
    if ('fault' in compiled) return compiled.fault;
    tests.push(compiled);
  }
  return tests;
}
