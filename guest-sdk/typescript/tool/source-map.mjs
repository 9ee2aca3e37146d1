// The table of places (src/source-map.ts) from a bundle's source map.

import { relative, resolve, sep } from 'node:path';

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/**
 * A statement that installs the table: per line of the bundle the places that came from
 * the project's own files, and where they end.
 */
export function placesTable(map, project, adapter, bundle) {
  const { mappings, sources } = JSON.parse(map);
  const named = sources.map((source) => nameOf(source, project.folder, adapter));
  const kept = [];
  const numbers = named.map((name) => (name === undefined ? -1 : kept.push(name) - 1));
  const lines = {};
  walk(mappings, (line, column, source, row, place) => {
    const number = source === undefined ? -1 : numbers[source];
    const segments = (lines[line] ??= []);
    const last = segments.length - 4;
    if (number < 0 && (last < 0 || segments[last + 1] < 0)) return;
    segments.push(column, number, number < 0 ? 0 : row + 1, number < 0 ? 0 : place);
  });
  for (const line of Object.keys(lines)) if (lines[line].length === 0) delete lines[line];
  const table = JSON.stringify({ bundle, sources: kept, lines });
  return `\nglobalThis.__mainspringSourceMap = JSON.parse(${JSON.stringify(table)});\n`;
}

/** The path from the project, for files that are the user's own. */
function nameOf(source, folder, adapter) {
  const whole = resolve(folder, source);
  if (whole.startsWith(adapter) || whole.split(sep).includes('node_modules')) return undefined;
  const path = relative(folder, whole);
  return path === 'mainspring-entry.ts' ? undefined : path.split(sep).join('/');
}

/** Calls back with each segment: generated line (from 1) and column, source, its line and column. */
function walk(mappings, visit) {
  let source = 0;
  let row = 0;
  let place = 0;
  mappings.split(';').forEach((text, index) => {
    let column = 0;
    if (text === '') return;
    for (const segment of text.split(',')) {
      const [dColumn, dSource, dRow, dPlace] = numbersOf(segment);
      column += dColumn;
      if (dSource === undefined) {
        visit(index + 1, column, undefined, 0, 0);
        continue;
      }
      source += dSource;
      row += dRow;
      place += dPlace;
      visit(index + 1, column, source, row, place);
    }
  });
}

/** Base 64 in groups of five bits, the lowest first, the sign in the lowest bit. */
function numbersOf(segment) {
  const numbers = [];
  let value = 0;
  let shift = 0;
  for (const digit of segment) {
    const bits = DIGITS.indexOf(digit);
    value += (bits & 31) << shift;
    shift += 5;
    if (bits & 32) continue;
    numbers.push(value & 1 ? -(value >> 1) : value >> 1);
    value = 0;
    shift = 0;
  }
  return numbers;
}
