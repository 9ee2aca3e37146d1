// Places in the bundle as places in the user's source.
//
// The builder appends a table of the places that came from the user's own files
// (tool/source-map.mjs); frames of libraries have none and are left out of what a
// person sees, as long as one of the user's is left.

/** One frame as the engine writes it: `    at NAME (FILE:LINE:COLUMN)`. */
const FRAME = /^\s*at (.*?) ?\(?([^\s()]+):(\d+):(\d+)\)?$/;
const ENGINE = /\(native\)$/;

interface Table {
  /** The file that the component was made of. */
  readonly bundle: string;
  readonly sources: readonly string[];
  /** Per line of the bundle: column, source, line, column; all as differences. */
  readonly lines: Readonly<Record<number, readonly number[]>>;
}

export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface Frame extends Place {
  readonly name: string;
}

declare const globalThis: { __mainspringSourceMap?: Table };

function lookUp(file: string, line: number, column: number): Place | undefined {
  const table = globalThis.__mainspringSourceMap;
  if (table === undefined || !file.endsWith(table.bundle)) return undefined;
  const segments = table.lines[line];
  if (segments === undefined) return undefined;
  let found: Place | undefined;
  for (let at = 0; at < segments.length; at += 4) {
    // The engine counts columns from 1, source maps from 0.
    if (segments[at]! > column - 1 && found !== undefined) break;
    const source = segments[at + 1]!;
    found = source < 0 ? undefined : place(table, source, segments[at + 2]!, segments[at + 3]!);
  }
  return found;
}

function place(table: Table, source: number, line: number, column: number): Place {
  return { file: table.sources[source] ?? '?', line, column: column + 1 };
}

/** The frames of a stack that lie in the user's files. */
export function userFrames(stack: string): Frame[] {
  const frames: Frame[] = [];
  for (const line of stack.split('\n')) {
    const match = FRAME.exec(line);
    if (match === null) continue;
    const [, name, file, row, column] = match;
    const found = lookUp(file!, Number(row), Number(column));
    if (found !== undefined) frames.push({ ...found, name: name === '<anonymous>' ? '' : name! });
  }
  return frames;
}

export function formatFrames(frames: readonly Frame[]): string {
  const line = ({ name, file, line: row, column }: Frame) =>
    name === '' ? `    at ${file}:${row}:${column}` : `    at ${name} (${file}:${row}:${column})`;
  return frames.map(line).join('\n');
}

/** A stack as a person should see it: the user's frames, or all if none is. */
export function mapStack(stack: string): string {
  if (stack === '') return '';
  const frames = userFrames(stack);
  if (frames.length > 0) return formatFrames(frames);
  const rest = stack.split('\n').filter((line) => FRAME.test(line) && !ENGINE.test(line));
  return rest.length > 0 ? rest.join('\n') : stack;
}
